import { expect } from 'chai';
import {
  isBearer,
  makeGuard,
  ownAuthorities,
  type Asked,
  type Guard,
  type Policy,
} from '../../../../src/adapters/local-api/guard.ts';
import { GatewayError } from '../../../../src/errors.ts';

const asked = (headers: Asked['headers'], method = 'POST', path = '/v1/messages'): Asked => ({
  method,
  url: path,
  path,
  headers,
  rawHeaders: Object.entries(headers).flatMap(([name, value]) => [name, String(value)]),
});

/** The code of the refusal, or what the caller may do. */
const verdict = (guard: Guard, request: Asked): string => {
  const access = guard(request);
  return access instanceof GatewayError ? access.code : access;
};

const address = { host: 'gw.example', port: 25090 };
const open: Policy = { address, token: null, readToken: null };
const secret = (text: string): { reveal: () => string } => ({ reveal: () => text });

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

  const host = 'localhost:25090';
  const link = { host, 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' };

  it('without a token takes programs and its own pages', () => {
    const guard = makeGuard(open);
    for (const headers of [
      { host },
      { host: 'GW.example:25090' },
      { host, origin: 'http://127.0.0.1:25090' },
      { host, origin: 'http://LOCALHOST:25090', 'sec-fetch-site': 'same-origin' },
      { host, 'sec-fetch-site': 'none' },
    ]) {
      for (const method of ['GET', 'HEAD', 'POST', 'PUT'])
        expect(verdict(guard, asked(headers, method)), `${method} ${JSON.stringify(headers)}`).to.equal('all');
    }
  });

  it('lets whoever follows a link see the page, but changes nothing for it and shows nothing to a script or a frame', () => {
    const guard = makeGuard(open);
    expect(verdict(guard, asked(link, 'GET', '/'))).to.equal('all');
    expect(verdict(guard, asked(link, 'POST'))).to.equal('forbidden-host');
    for (const more of [
      { 'sec-fetch-dest': 'iframe' },
      { 'sec-fetch-mode': 'no-cors' },
      { 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty' },
      { origin: 'null' },
    ]) {
      expect(verdict(guard, asked({ ...link, ...more }, 'GET', '/')), JSON.stringify(more)).to.equal('forbidden-host');
    }
  });

  const FOREIGN = [
    'https://localhost:25090',
    'http://localhost:25090/',
    'http://localhost',
    'http://localhost:250900',
    'http://localhost.:25090',
    'http://localhost:25090@evil.example',
    'http://evil.example:25090',
    'http://localhost:25090, http://localhost:25090',
    'null',
    '',
    'file://',
  ];
  for (const origin of FOREIGN) {
    it(`without a token takes nothing from a page of ${origin || 'an empty origin'}`, () => {
      const guard = makeGuard(open);
      for (const method of ['POST', 'PUT', 'DELETE', 'GET', 'HEAD', 'OPTIONS'])
        expect(verdict(guard, asked({ host, origin }, method)), method).to.equal('forbidden-host');
      // What the browser says of the site does not make a foreign origin ours.
      const headers = { host, origin, 'sec-fetch-site': 'same-origin' };
      expect(verdict(guard, asked(headers))).to.equal('forbidden-host');
    });
  }

  for (const [name, value] of [
    ['a missing Host', undefined],
    ['an empty Host', ''],
    ['another Host', 'evil.example:25090'],
    ['a name that was rebound', 'localhost.evil.example:25090'],
    ['a name below localhost', 'evil.localhost:25090'],
    ['a dot at the end', 'localhost.:25090'],
    ['another port', 'localhost:25091'],
    ['a port with a zero', 'localhost:025090'],
    ['no port', 'localhost'],
    ['two Hosts on one line', 'localhost:25090, evil.example'],
    ['a user before it', 'me@localhost:25090'],
    ['a long IPv6 form', '[0:0:0:0:0:0:0:1]:25090'],
    ['IPv6 with IPv4 inside', '[::ffff:127.0.0.1]:25090'],
    ['IPv6 without brackets', '::1:25090'],
    ['an address in one number', '2130706433:25090'],
  ] as const) {
    it(`without a token refuses ${name} also for reading and for health`, () => {
      const headers = value === undefined ? {} : { host: value };
      for (const path of ['/v1/status', '/healthz'])
        expect(verdict(makeGuard(open), asked(headers, 'GET', path))).to.equal('forbidden-host');
    });
  }

  it('refuses a target that names a host, and two Host headers, with a token too', () => {
    const withToken: Policy = { address, token: secret('one'), readToken: null };
    for (const policy of [open, withToken]) {
      const guard = makeGuard(policy);
      const good = asked({ host, authorization: 'Bearer one' }, 'GET', '/v1/status');
      expect(verdict(guard, good)).to.equal('all');
      for (const url of ['http://evil.example/v1/status', `http://${host}/v1/status`, '*', 'x', ''])
        expect(verdict(guard, { ...good, url }), url).to.equal('bad-request');
      const twice = { ...good, rawHeaders: ['Host', host, 'HOST', 'evil.example'] };
      expect(verdict(guard, twice)).to.equal('bad-request');
      // A value is no name.
      expect(verdict(guard, { ...good, rawHeaders: ['Host', 'host'] })).to.equal('all');
    }
  });

  describe('on a Unix socket', () => {
    const guard = makeGuard({ address: null, token: null, readToken: null });

    it('takes any Host, which no browser can have sent', () => {
      for (const name of ['localhost', 'x', 'gateway.example:1', ''])
        expect(verdict(guard, asked({ host: name }))).to.equal('all');
      expect(verdict(guard, asked({}))).to.equal('all');
    });

    it('takes what a proxy passes on of its own page, and refuses what it passes on of another', () => {
      const proxied = { host: 'ops.example' };
      expect(verdict(guard, asked({ ...proxied, origin: 'https://ops.example' }))).to.equal('all');
      expect(
        verdict(guard, asked({ host: 'unix', origin: 'https://ops.example', 'sec-fetch-site': 'same-origin' })),
      ).to.equal('all');
      for (const headers of [
        { origin: 'https://evil.example' },
        { origin: 'null' },
        { 'sec-fetch-site': 'cross-site' },
      ])
        for (const method of ['POST', 'GET'])
          expect(verdict(guard, asked({ ...proxied, ...headers }, method))).to.equal('forbidden-host');
    });
  });

  describe('with a token', () => {
    const guard = makeGuard({ address, token: secret('one'), readToken: secret('two') });
    const bearer = (token: string, more: Asked['headers'] = {}): Asked['headers'] => ({
      host: 'any.example',
      authorization: `Bearer ${token}`,
      ...more,
    });

    it('lets the one do everything, and the other look', () => {
      expect(verdict(guard, asked(bearer('one')))).to.equal('all');
      expect(verdict(guard, asked(bearer('two')))).to.equal('read');
      for (const token of ['', 'onetwo', 'on', 'three', 'one two'])
        expect(verdict(guard, asked(bearer(token))), token).to.equal('unauthorized');
      expect(verdict(guard, asked({ host }))).to.equal('unauthorized');
    });

    it('has no second one unless it is set', () => {
      const single = makeGuard({ address, token: secret('one'), readToken: null });
      expect(verdict(single, asked(bearer('two')))).to.equal('unauthorized');
      expect(verdict(single, asked(bearer('null')))).to.equal('unauthorized');
    });

    it('takes no change from a foreign page, though a proxy adds the token to it', () => {
      for (const more of [
        { 'sec-fetch-site': 'cross-site' },
        { 'sec-fetch-site': 'same-site', origin: 'http://any.example' },
        { origin: 'http://evil.example' },
        { origin: 'null' },
      ]) {
        expect(verdict(guard, asked(bearer('one', more))), JSON.stringify(more)).to.equal('forbidden-host');
        expect(verdict(guard, asked(bearer('one', more), 'GET')), 'a read').to.equal('all');
      }
      expect(verdict(guard, asked(bearer('one', { origin: 'https://any.example' })))).to.equal('all');
      const behindProxy = { origin: 'https://ops.example', 'sec-fetch-site': 'same-origin' };
      expect(verdict(guard, asked(bearer('one', behindProxy)))).to.equal('all');
    });

    it('asks nobody for it who asks for health, and means those paths alone', () => {
      for (const path of ['/healthz', '/readyz', '/primary', '/standby'])
        expect(verdict(guard, asked({}, 'GET', path))).to.equal('all');
      for (const path of ['/healthz/', '/Healthz', '//healthz', '/healthz/../v1/status', '/metrics'])
        expect(verdict(guard, asked({}, 'GET', path)), path).to.equal('unauthorized');
    });

    it('asks for the token at every request, so that a new one counts at once', () => {
      let token = 'one';
      const changing = makeGuard({ address, token: { reveal: () => token }, readToken: null });
      expect(verdict(changing, asked(bearer('one')))).to.equal('all');
      token = 'two';
      expect(verdict(changing, asked(bearer('one')))).to.equal('unauthorized');
    });
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
      'Bearer secret, Bearer secret',
      'secret',
      'Basic secret',
    ]) {
      expect(isBearer(header, 'secret'), header).to.equal(false);
    }
  });
});
