import { expect } from 'chai';
import { isBearer, makeGuard, ownAuthorities, type Asked } from '../../../../src/adapters/local-api/guard.ts';

const asked = (headers: Asked['headers'], method = 'POST'): Asked => ({ method, path: '/v1/messages', headers });

describe('the guard of the local API', () => {
  it('knows its own names', () => {
    expect([...ownAuthorities('0:0::1', 25090)]).to.deep.equal([
      '127.0.0.1:25090',
      'localhost:25090',
      '[::1]:25090',
      '[0:0::1]:25090',
    ]);
    expect([...ownAuthorities('GW.example', 80)]).to.include.members(['gw.example', 'gw.example:80', 'localhost']);
    expect([...ownAuthorities('gw.example', 25090)]).not.to.include('gw.example');
  });

  const guard = makeGuard({ host: 'gw.example', port: 25090, token: null });
  const host = 'localhost:25090';

  it('takes programs, its own pages, and reading from anywhere', () => {
    expect(guard(asked({ host }))).to.equal(null);
    expect(guard(asked({ host: 'GW.example:25090' }))).to.equal(null);
    expect(guard(asked({ host, origin: 'http://127.0.0.1:25090' }))).to.equal(null);
    expect(guard(asked({ host, 'sec-fetch-site': 'none' }))).to.equal(null);
    expect(guard(asked({ host, origin: 'http://evil.example' }, 'GET'))).to.equal(null);
  });

  for (const origin of [
    'https://localhost:25090',
    'http://localhost:25090/',
    'http://localhost',
    'http://localhost:250900',
    'null',
    '',
    'file://',
  ]) {
    it(`takes no change from a page of ${origin || 'an empty origin'}`, () => {
      expect(guard(asked({ host, origin }))?.code).to.equal('forbidden-host');
    });
  }

  for (const [name, value] of [
    ['a missing Host', undefined],
    ['another Host', 'evil.example:25090'],
    ['two Hosts', 'localhost:25090, evil.example'],
  ] as const) {
    it(`refuses ${name} also for reading`, () => {
      expect(guard(asked(value === undefined ? {} : { host: value }, 'GET'))?.code).to.equal('forbidden-host');
    });
  }

  it('asks for the token at every request, so that a new one counts at once', () => {
    let token = 'one';
    const withToken = makeGuard({ host: 'gw.example', port: 1, token: { reveal: () => token } });
    const request = asked({ authorization: 'Bearer one' });
    expect(withToken(request)).to.equal(null);
    token = 'two';
    expect(withToken(request)?.code).to.equal('unauthorized');
  });

  it('takes a bearer token as a whole or not at all', () => {
    expect(isBearer('Bearer secret', 'secret')).to.equal(true);
    for (const header of [
      undefined,
      '',
      'Bearer',
      'Bearer ',
      'Bearer secre',
      'Bearer secrets',
      'Bearer SECRET',
      'secret',
      'Basic secret',
    ]) {
      expect(isBearer(header, 'secret'), header).to.equal(false);
    }
  });
});
