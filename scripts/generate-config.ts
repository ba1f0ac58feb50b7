// Writes what is made from the table of options: the sample files and docs/configuration.md. Run with tsx.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { configurationDocument } from '../src/config/document.ts';
import { SAMPLES, sampleFile } from '../src/config/sample.ts';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
mkdirSync(join(root, 'etc'), { recursive: true });
writeFileSync(join(root, 'etc/dc1.conf'), sampleFile(SAMPLES.dc1));
writeFileSync(join(root, 'etc/dc2.conf'), sampleFile(SAMPLES.dc2));
writeFileSync(join(root, 'docs/configuration.md'), configurationDocument());
