#!/usr/bin/env node
// The command `crossdc`. The pool of threads that does all file work has four unless this is set before its first use,
// and loading an ES module is a use: hence this file, which is none. With sixteen, the fsyncs of many small snapshots
// go to the disk together.
process.env['UV_THREADPOOL_SIZE'] ??= '16';
void import('./main.ts');
