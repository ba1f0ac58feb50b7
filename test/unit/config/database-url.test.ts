import { expect } from 'chai';
import fc from 'fast-check';
import { inspect } from 'node:util';
import { KNOWN_PARAMETERS } from '../../../src/config/database-parameters.ts';
import { parseDatabaseUrl, shownDatabaseUrl, type DatabaseUrl } from '../../../src/config/database-url.ts';

function good(text: string): DatabaseUrl {
  const parsed = parseDatabaseUrl(text);
  if (parsed instanceof Error) throw parsed;
  return parsed;
}

function problem(text: string): string {
  const parsed = parseDatabaseUrl(text);
  return parsed instanceof Error ? parsed.message : `taken as ${parsed.shown}`;
}

const hostsOf = (text: string): string[] => good(text).hosts.map(({ host, port }) => `${host} ${port}`);

/** The URL, where it leads, and the database (null: that of the user). */
const PLACES: readonly (readonly [url: string, hosts: readonly string[], database: string | null])[] = [
  ['jdbc:postgresql://db1:6000/crossdc', ['db1 6000'], 'crossdc'],
  ['jdbc:postgresql://db1/crossdc', ['db1 5432'], 'crossdc'],
  ['jdbc:postgresql://db1/', ['db1 5432'], null],
  ['jdbc:postgresql://db1', ['db1 5432'], null],
  ['jdbc:postgresql:crossdc', ['localhost 5432'], 'crossdc'],
  ['jdbc:postgresql:/crossdc', ['localhost 5432'], 'crossdc'],
  ['jdbc:postgresql:/', ['localhost 5432'], null],
  ['jdbc:postgresql:', ['localhost 5432'], null],
  ['jdbc:postgresql:crossdc?user=u', ['localhost 5432'], 'crossdc'],
  ['JDBC:PostgreSQL://DB1/X', ['db1 5432'], 'X'],
  ['postgresql://', ['localhost 5432'], null],
  ['postgres:///crossdc', ['localhost 5432'], 'crossdc'],
  [
    'postgres://u@db1,db2:6000,[2001:db8::1]:7000,[::1]/crossdc',
    ['db1 5432', 'db2 6000', '2001:db8::1 7000', '::1 5432'],
    'crossdc',
  ],
  ['postgres:///crossdc?host=/run/postgresql', ['/run/postgresql 5432'], 'crossdc'],
  ['postgres:///crossdc?host=/run/postgresql&port=6000', ['/run/postgresql 6000'], 'crossdc'],
  ['postgres://%2Frun%2Fpostgresql/crossdc', ['/run/postgresql 5432'], 'crossdc'],
  ['postgres:///crossdc?host=db1,db2&port=1,2', ['db1 1', 'db2 2'], 'crossdc'],
  ['postgres:///?dbname=crossdc&host=db1&port=1', ['db1 1'], 'crossdc'],
  ['postgres://db1/a%20b%2Fc%3Fd', ['db1 5432'], 'a b/c?d'],
];

/** What must be refused, and what is said. */
const WRONG: readonly (readonly [url: string, message: RegExp])[] = [
  ['jdbc:db2://h:50000/x', /^the database "db2" is not supported; the store can be in PostgreSQL only/],
  ['jdbc:oracle:thin:@h:1521:x', /^the database "oracle" is not supported/],
  ['mysql://u:secret@h/x', /^the database "mysql" is not supported/],
  ['h:5432/x', /^must be jdbc:postgresql:\/\/HOST:PORT\/DATABASE, or begin with postgresql:/],
  ['x', /^must be jdbc:postgresql:/],
  ['postgresql:crossdc', /^must be jdbc:postgresql:/],
  ['postgres://h:0/x', /^the port of its host number 1 must be 1 to 65535/],
  ['postgres://a,h:65536/x', /^the port of its host number 2/],
  ['postgres://a,b!/x', /^its host number 2 is no host name or IP address/],
  ['postgres://[::g]/x', /^its host number 1 is no/],
  ['postgres://[db1]/x', /^its host number 1 is no/],
  ['postgres://::1/x', /^its host number 1 is no|^the port/],
  ['postgres://h/x?host=b', /^names its hosts twice/],
  ['postgres:///x?host=a,b,c&port=1,2', /^has not as many ports as hosts/],
  ['postgres://u@h/x?user=v', /^names its user twice, differently/],
  ['postgres://u:a@h/x?password=b', /^names its password twice, differently/],
  ['postgres://h/x?dbname=y', /^names its database twice, differently/],
  [
    'postgres://h/x?sslmode=always',
    /^its sslmode must be one of disable, allow, prefer, require, verify-ca, verify-full$/,
  ],
  ['postgres://h/x?ssl=yes', /^its ssl must be true or false$/],
  ['postgres://h/x?ssl=true&sslmode=prefer', /contradict each other/],
  ['postgres://h/x?ssl=true', /nothing says against what: add sslrootcert=FILE, or sslrootcert=system/],
  ['postgres://h/x?sslmode=verify-ca', /nothing says against what/],
  ['postgres://h/x?sslmode=verify-ca&sslrootcert=system', /needs sslmode=verify-full/],
  ['postgres://h/x?sslcert=/a', /^needs both sslcert and sslkey, or neither$/],
  ['postgres://h/x?currentSchema=a.b', /^its currentSchema is no name of a schema$/],
  ['postgres://h/x?sslmod=require', /^its parameter number 1 after the \? is not known; did you mean sslmode\?$/],
  ['postgres://h/x?user=u&SSLMode=require', /^its parameter number 2 .* did you mean sslmode\?$/],
  [
    'postgres://h/x?colour=blue',
    /^its parameter number 1 after the \? is not known; in a name or a password % is written %25/,
  ],
  ['postgres://h/x?user=u&user=u', /^has the parameter user twice$/],
  ['postgres://h/%zz', /^has a % that stands for no character/],
  ['postgres://u%0Av@h/x', /^has a control character$/],
  [`postgres://h/${'x'.repeat(4096)}`, /at most 4096 characters/],
  [`postgres://${'h,'.repeat(40)}h/x`, /more than 32 hosts/],
];

describe('the URL of a database', () => {
  for (const [url, hosts, database] of PLACES) {
    it(`${url} leads to ${hosts.join(', ')}`, () => {
      expect(hostsOf(url)).to.deep.equal(hosts);
      expect(good(url).database).to.equal(database);
    });
  }

  for (const [url, message] of WRONG) {
    it(`${url.length > 80 ? `${url.slice(0, 80)}…` : url} is refused: ${message.source.slice(0, 60)}`, () => {
      expect(problem(url)).to.match(message);
    });
  }

  it('says everything that is wrong at once', () => {
    expect(problem('postgres://h!:0/x?sslmode=x&colour=1').split('; ')).to.have.length(5);
  });

  describe('has user and password', () => {
    it('before the @ or as parameters, percent-decoded', () => {
      for (const url of ['postgres://m%40e:p%2Fw%3A%25@h/x', 'postgres://h/x?user=m%40e&password=p%2Fw:%25']) {
        expect(good(url).user).to.equal('m@e');
        expect(good(url).password?.reveal()).to.equal('p/w:%');
      }
      expect(good('postgres://u:a:b@h/x').password?.reveal(), 'a further colon').to.equal('a:b');
      expect(good('postgres://u:@h/x').password, 'an empty one is none').to.equal(null);
    });

    it('twice, if both say the same', () => {
      expect(good('postgres://u:p@h/x?user=u&password=p').password?.reveal()).to.equal('p');
    });

    it('with a + that is a blank in a JDBC URL alone, as with pgjdbc and psql', () => {
      expect(good('jdbc:postgresql://h/x?password=a+b').password?.reveal()).to.equal('a b');
      expect(good('postgresql://h/x?password=a+b').password?.reveal()).to.equal('a+b');
    });
  });

  describe('says how the server is made sure of', () => {
    for (const [query, mode, root] of [
      ['', null, null],
      ['?sslmode=disable', 'disable', null],
      ['?sslmode=PREFER', 'prefer', null],
      ['?sslmode=require', 'require', null],
      ['?sslmode=require&sslrootcert=/ca', 'verify-ca', '/ca'],
      ['?ssl=true&sslrootcert=/ca', 'verify-full', '/ca'],
      ['?ssl&sslrootcert=/ca', 'verify-full', '/ca'],
      ['?ssl=true&sslmode=verify-ca&sslrootcert=/ca', 'verify-ca', '/ca'],
      ['?ssl=false', null, null],
      ['?sslrootcert=system', 'verify-full', 'system'],
      ['?sslmode=verify-full&sslrootcert=system', 'verify-full', 'system'],
    ] as const) {
      it(`with ${query === '' ? 'nothing' : query}: ${mode ?? 'not said'}`, () => {
        expect(good(`jdbc:postgresql://h/x${query}`)).to.include({ sslMode: mode, sslRootCert: root });
      });
    }
  });

  it('may have what pgjdbc and psql know, and says what has no effect', () => {
    const used = 'currentSchema=one,two&user=u';
    const { ignored, schema } = good(
      `jdbc:postgresql://h/x?ApplicationName=a&socketTimeout=3&${used}&connect_timeout=4`,
    );
    expect(ignored).to.deep.equal(['ApplicationName', 'socketTimeout', 'connect_timeout']);
    expect(schema).to.equal('one');
    expect(KNOWN_PARAMETERS).to.include.members(['loginTimeout', 'tcpKeepAlive', 'prepareThreshold', 'connectTimeout']);
    expect(new Set(KNOWN_PARAMETERS).size).to.equal(KNOWN_PARAMETERS.length);
  });

  it('is shown as it was written, with *** for every password', () => {
    for (const [url, shown] of [
      ['postgres://u:hunter2@h:1,g/x?sslmode=require', 'postgres://u:***@h:1,g/x?sslmode=require'],
      [
        'jdbc:postgresql:x?user=u&password=hunter2&loginTimeout=3',
        'jdbc:postgresql:x?user=u&password=***&loginTimeout=3',
      ],
      ['postgres://h/x?sslpassword=hunter2', 'postgres://h/x?sslpassword=***'],
      ['postgres://u@h', 'postgres://u@h'],
      ['postgres://u:hun/ter2@h/x', '***'],
    ] as const) {
      expect(shownDatabaseUrl(url)).to.equal(shown);
    }
  });

  describe('never shows a password', () => {
    /** Found in nothing that this program says by itself. */
    const MARK = 'Zq9Zq';
    const piece = fc.oneof(
      fc.string({ unit: 'grapheme', maxLength: 6 }),
      fc.constantFrom(
        '/',
        '?',
        '#',
        '@',
        ':',
        '&',
        '=',
        '%',
        '%2',
        '%zz',
        ',',
        '[',
        '//',
        '12',
        '1/',
        'user=',
        '?user=',
        '&sslmode=',
      ),
    );
    const password = fc.tuple(piece, piece, piece, piece).map(([a, b, c, d]) => `${a}${MARK}${b}${MARK}${c}${d}`);
    const shapes = [
      (word: string) => `postgres://me:${word}@db1:5432/crossdc`,
      (word: string) => `jdbc:postgresql://me:${word}@db1/crossdc?sslmode=require`,
      (word: string) => `jdbc:postgresql://db1/crossdc?user=me&password=${word}`,
      (word: string) => `jdbc:postgresql://db1/crossdc?password=${word}&user=me&ssl=true`,
      (word: string) => `me:${word}@db1/crossdc`,
      (word: string) => `jdbc:db2://me:${word}@db1/crossdc`,
    ] as const;

    it('that is escaped, and takes it as it was', () => {
      fc.assert(
        fc.property(
          password.filter((word) => word.isWellFormed()),
          fc.constantFrom(...shapes.slice(0, 4)),
          (word, shape) => {
            const text = shape(encodeURIComponent(word));
            const parsed = parseDatabaseUrl(text);
            expect(inspect(parsed, { depth: 9, showHidden: true })).not.to.contain(MARK);
            expect(shownDatabaseUrl(text)).not.to.contain(MARK);
            if (!(parsed instanceof Error)) expect(parsed.password?.reveal()).to.equal(word);
          },
        ),
        { numRuns: 2000 },
      );
    });

    // As a parameter, a password with a raw & and the name of another parameter in it cannot be told from two parameters.
    it('whose characters were not escaped, wherever they make it fall apart', () => {
      fc.assert(
        fc.property(password, fc.constantFrom(...shapes), (word, shape) => {
          fc.pre(!(shape(word).includes('password=') && /&(user|sslmode)=/.test(word)));
          const text = shape(word);
          const parsed = parseDatabaseUrl(text);
          expect(inspect(parsed, { depth: 9, showHidden: true })).not.to.contain(MARK);
          expect(shownDatabaseUrl(text)).not.to.contain(MARK);
        }),
        { numRuns: 5000 },
      );
    });
  });
});
