import { simulateOwners } from './ownership-seeds.ts';

simulateOwners(3);
