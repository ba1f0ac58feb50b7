import { PostgresServer, databaseServer } from '../../support/postgres-server.ts';

// Started by the test of the server: a run of tests that has servers, says where they are, and is killed.
const [, , state] = process.argv;
if (state === 'shared') {
  const { url } = await (await databaseServer()).createDatabase();
  console.log(JSON.stringify({ url }));
} else {
  const server = await PostgresServer.start();
  if (state === 'paused') await server.pause();
  console.log(JSON.stringify({ url: server.url(), pid: server.pid, folder: server.folder }));
}
process.stdin.resume();
