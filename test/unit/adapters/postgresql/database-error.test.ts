import { expect } from 'chai';
import { DatabaseError } from 'pg';
import {
  ConnectionLost,
  databaseError,
  isFatal,
  isUnreadable,
} from '../../../../src/adapters/postgresql/database-error.ts';
import { GatewayError } from '../../../../src/errors.ts';

function fromServer(code: string, message = 'what the server said', severity = 'ERROR'): DatabaseError {
  const error = new DatabaseError(message, message.length, 'error');
  error.code = code;
  error.severity = severity;
  error.detail = 'Key (origin)=(secret customer) already exists.';
  return error;
}

describe('an error of the database', () => {
  const judged = (error: unknown): string => {
    const found = databaseError(error, 'held');
    return found instanceof GatewayError ? `${found.code}: ${found.message}` : 'not judged';
  };

  it('is judged by its SQLSTATE, in words for an operator', () => {
    for (const [code, told] of [
      ['53100', 'store-full: There is no room in the store "held": the database\'s disk is full.'],
      ['53300', 'has no free connection'],
      ['53200', 'out of memory'],
      ['57P03', 'starting up'],
      ['25006', 'takes no writes'],
      ['42501', 'what the server said'],
      ['57014', 'too long'],
      ['58030', 'cannot read or write'],
      ['99999', 'what the server said (99999)'],
    ] as const) {
      expect(judged(fromServer(code)), code).to.contain(told);
      if (code !== '53100')
        expect(judged(fromServer(code))).to.match(/^store-unavailable: The store "held" cannot be used: /);
    }
  });

  it('never tells what is in a row', () => {
    const found = databaseError(fromServer('23505'), 'held');
    expect(found).to.be.instanceOf(GatewayError);
    expect(JSON.stringify([(found as GatewayError).message, (found as GatewayError).facts])).not.to.contain(
      'secret customer',
    );
  });

  it('is told from a defect, and from what was judged before', () => {
    const defect = new TypeError('x is not a function');
    expect(databaseError(defect, 'held')).to.equal(defect);
    const before = new GatewayError('busy', 'not now');
    expect(databaseError(before, 'held')).to.equal(before);
    expect(judged(new ConnectionLost('db:5432: connect ECONNREFUSED'))).to.contain('db:5432: connect ECONNREFUSED');
    expect(judged(new ConnectionLost('db:5432: full', { sqlState: '53100' }))).to.match(/^store-full/);
  });

  it('ends the connection in some cases, and speaks of what lies on the disk in others', () => {
    expect(['57P01', '08006'].map((code) => isFatal(fromServer(code)))).to.deep.equal([true, true]);
    expect(isFatal(fromServer('28P01', 'no', 'FATAL'))).to.equal(true);
    expect(isFatal(fromServer('42501'))).to.equal(false);
    expect(['XX001', 'XX002', '58030', '57014'].map((code) => isUnreadable(fromServer(code)))).to.deep.equal([
      true,
      true,
      true,
      false,
    ]);
  });
});
