import { expect } from 'chai';
import type { Log } from '../../../src/ports/log.ts';
import { MachineLog } from '../../../src/services/machine-log.ts';
import { Stage } from './stage.ts';

interface Line {
  readonly level: string;
  readonly facts: Readonly<Record<string, unknown>>;
}

function machineLog(alwaysLogHttpErrors: boolean): { log: MachineLog; lines: Line[] } {
  const lines: Line[] = [];
  const at =
    (level: string): Log['info'] =>
    (facts) =>
      void lines.push({ level, facts });
  const log: Log = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
  const { context } = new Stage({ settings: { alwaysLogHttpErrors } });
  return { log: new MachineLog({ ...context, log }), lines };
}

const timeout = { peer: 'dc2', machine: 'a:1', reason: 'timeout', detail: 'no answer', isRefusal: false };
const refusal = { peer: 'dc2', machine: 'a:1', reason: 'wrong-application', detail: 'billing', isRefusal: true };

describe('the errors of one machine', () => {
  it('are logged once while they repeat, and counted until it answers again', () => {
    const { log, lines } = machineLog(false);
    for (let i = 0; i < 5; i += 1) log.failed(timeout);
    expect(lines.map(({ level }) => level)).to.deep.equal(['warn']);
    expect(lines[0]?.facts).to.include({ peer: 'dc2', machine: 'a:1', reason: 'timeout', detail: 'no answer' });
    log.worked('dc2', 'a:1');
    expect(lines[1]).to.deep.equal({ level: 'info', facts: { peer: 'dc2', machine: 'a:1', errors: 5 } });
    log.worked('dc2', 'a:1');
    expect(lines).to.have.length(2);
    log.failed(timeout);
    expect(lines).to.have.length(3);
  });

  it('are each logged with alwaysLogHttpErrors', () => {
    const { log, lines } = machineLog(true);
    for (let i = 0; i < 5; i += 1) log.failed(timeout);
    expect(lines).to.have.length(5);
  });

  it('of another kind, or of another machine, are logged by themselves', () => {
    const { log, lines } = machineLog(false);
    log.failed(timeout);
    log.failed({ ...timeout, reason: 'unreachable' });
    log.failed({ ...timeout, machine: 'b:1' });
    log.failed(timeout);
    expect(lines.map(({ facts }) => `${String(facts.machine)} ${String(facts.reason)}`)).to.deep.equal([
      'a:1 timeout',
      'a:1 unreachable',
      'b:1 timeout',
    ]);
  });

  it('in ever new words do not fill the log', () => {
    const { log, lines } = machineLog(false);
    for (let i = 0; i < 1000; i += 1) log.failed({ ...timeout, detail: `port ${i}` });
    expect(lines.length).to.be.below(50);
  });

  it('that are a matter of configuration are shouted at once, as errors', () => {
    const { log, lines } = machineLog(false);
    log.failed(refusal);
    log.failed(refusal);
    expect(lines.map(({ level, facts }) => `${level} ${String(facts.reason)}`)).to.deep.equal([
      'error wrong-application',
    ]);
  });
});
