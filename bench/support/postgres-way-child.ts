import { tryWay } from './postgres-way.ts';

// A process for each, so that none pays for the memory of the one before, or dies of it.
const [, , name = '', what = '', url = '', bytes = ''] = process.argv;
console.log(JSON.stringify(await tryWay(name, what, url, Number(bytes))));
