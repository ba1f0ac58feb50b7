import { expect } from 'chai';
import fc from 'fast-check';
import { addressText, isLoopback, overlaps, parseHost, parseMachine } from '../../../src/config/addresses.ts';

describe('addresses', () => {
  for (const [text, host, port] of [
    ['db1', 'db1', null],
    ['DB1.Example.ORG', 'db1.example.org', null],
    ['my_host', 'my_host', null],
    ['db1:80', 'db1', 80],
    ['127.0.0.1', '127.0.0.1', null],
    ['127.0.0.1:65535', '127.0.0.1', 65535],
    ['::1', '::1', null],
    ['0:0:0:0:0:0:0:1', '::1', null],
    ['[::1]', '::1', null],
    ['[2001:DB8::1]:25091', '2001:db8::1', 25091],
  ] as const) {
    it(`takes ${text} as a machine`, () => {
      expect(parseMachine(text)).to.deep.equal({ host, port });
    });
  }

  for (const [text, why] of [
    ['', 'no valid host'],
    [':80', 'no valid host'],
    ['a b', 'no valid host'],
    ['-a', 'no valid host'],
    ['a..b', 'no valid host'],
    ['256.1.1.1', 'no valid host'],
    ['127.1', 'no valid host'],
    ['0x7f.0x1', 'no valid host'],
    ['2130706433', 'no valid host'],
    ['[127.0.0.1]:80', 'no valid host'],
    ['[::1', 'no valid host'],
    ['[fe80::1%eth0]:80', 'no valid host'],
    ['user@host', 'no valid host'],
    ['host/path', 'no valid host'],
    ['http://host:80', 'is a URL'],
    ['db1:', 'the port of'],
    ['db1:0', 'the port of'],
    ['db1:65536', 'the port of'],
    ['db1:080x', 'the port of'],
    ['db1:80:90', 'the port of'],
    ['a'.repeat(254), 'no valid host'],
  ] as const) {
    it(`refuses ${JSON.stringify(text.slice(0, 30))} as a machine`, () => {
      expect(parseMachine(text)).to.be.a('string').that.contains(why);
    });
  }

  it('knows what is on this machine and nowhere else', () => {
    for (const host of ['localhost', 'LocalHost', '127.0.0.1', '127.255.3.4', '::1'])
      expect(isLoopback(host), host).to.equal(true);
    for (const host of ['0.0.0.0', '::', '10.0.0.1', '128.0.0.1', 'localhost.example.org', '127.example.org', '::2']) {
      expect(isLoopback(host), host).to.equal(false);
    }
  });

  it('knows which listeners are in each other’s way', () => {
    for (const [a, b] of [
      ['127.0.0.1', '127.0.0.1'],
      ['0.0.0.0', '127.0.0.1'],
      ['::1', '::'],
      ['localhost', '::1'],
    ] as const) {
      expect(overlaps(a, b) && overlaps(b, a), `${a} ${b}`).to.equal(true);
    }
    for (const [a, b] of [
      ['127.0.0.1', '127.0.0.2'],
      ['127.0.0.1', '::1'],
      ['localhost', '127.0.0.2'],
      ['localhost', '10.0.0.1'],
    ] as const) {
      expect(overlaps(a, b) || overlaps(b, a), `${a} ${b}`).to.equal(false);
    }
  });

  it('gives a text that a URL takes, with the same host and port, for every machine that it takes', () => {
    const text = fc.oneof(
      fc.domain(),
      fc.ipV4(),
      fc.ipV6(),
      fc.string({ unit: fc.constantFrom(...Array.from('a1.-_:[]%f')), maxLength: 20 }),
    );
    fc.assert(
      fc.property(text, (host) => {
        const machine = parseMachine(host);
        if (typeof machine === 'string') return;
        const address = addressText(machine.host, machine.port ?? 25091);
        expect(new URL(`http://${address}`).host).to.equal(address.replace(/:80$/, ''));
        expect(parseHost(machine.host)).to.equal(machine.host);
      }),
      { numRuns: 500 },
    );
  });
});
