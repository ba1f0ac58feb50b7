import { expect } from 'chai';
import fc from 'fast-check';
import {
  chooseMachines,
  firstChoice,
  noteOutcome,
  transferTargets,
  type MachineChoice,
} from '../../../src/core/machine-choice.ts';

function beat(choice: MachineChoice, now: number): { choice: MachineChoice; to: string } {
  const chosen = chooseMachines(choice, false, now);
  return { choice: chosen.choice, to: chosen.addresses.join() };
}

describe('one machine at a time', () => {
  it('begins with the first', () => expect(beat(firstChoice(['a', 'b']), 0).to).to.equal('a'));

  it('stays with the one that accepts', () => {
    let choice = firstChoice(['a', 'b']);
    for (let now = 0; now < 5; now += 1) {
      const sent = beat(choice, now);
      expect(sent.to).to.equal('a');
      choice = noteOutcome(sent.choice, 'a', 'ok');
    }
  });

  for (const outcome of ['refused', 'failed'] as const) {
    it(`goes on to the next after one ${outcome}, and comes round`, () => {
      let choice = firstChoice(['a', 'b', 'c']);
      const tried: string[] = [];
      for (let now = 0; now < 4; now += 1) {
        const sent = beat(choice, now);
        tried.push(sent.to);
        choice = noteOutcome(sent.choice, sent.to, outcome, 'no');
      }
      expect(tried).to.deep.equal(['a', 'b', 'c', 'a']);
    });
  }

  it('passes over one that has not answered by the next beat', () => {
    expect(beat(beat(firstChoice(['a', 'b']), 0).choice, 1).to).to.equal('b');
  });

  it('goes back to one whose answer came late', () => {
    const second = beat(beat(firstChoice(['a', 'b']), 0).choice, 1);
    expect(beat(noteOutcome(second.choice, 'a', 'ok'), 2).to).to.equal('a');
  });

  it('does not give up the current one because another fails late', () => {
    let choice = beat(beat(firstChoice(['a', 'b', 'c']), 0).choice, 1).choice;
    choice = noteOutcome(choice, 'b', 'ok');
    choice = noteOutcome(choice, 'a', 'failed', 'late');
    expect(beat(choice, 2).to).to.equal('b');
  });

  it('always sends to the only one there is', () => {
    let choice = firstChoice(['a']);
    for (let now = 0; now < 4; now += 1) {
      const sent = beat(choice, now);
      expect(sent.to).to.equal('a');
      choice = now % 2 === 0 ? sent.choice : noteOutcome(sent.choice, 'a', 'failed', 'no');
    }
  });

  it('comes to a machine that accepts within one round, whatever happened before', () => {
    const history = fc.array(
      fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.constantFrom('ok' as const, 'failed' as const, 'refused' as const)),
    );
    fc.assert(
      fc.property(history, fc.constantFrom('a', 'b', 'c'), (outcomes, alive) => {
        let choice = firstChoice(['a', 'b', 'c']);
        for (const [address, outcome] of outcomes) choice = noteOutcome(beat(choice, 0).choice, address, outcome, 'x');
        const tried: string[] = [];
        for (let now = 1; now <= 4 && !tried.includes(alive); now += 1) {
          const sent = beat(choice, now);
          tried.push(sent.to);
          choice = sent.to === alive ? noteOutcome(sent.choice, sent.to, 'ok') : sent.choice;
        }
        expect(tried).to.include(alive);
        expect(beat(choice, 9).to).to.equal(alive);
      }),
    );
  });
});

describe('all machines', () => {
  it('get every beat, whatever they answered', () => {
    let choice = chooseMachines(firstChoice(['a', 'b']), true, 0).choice;
    choice = noteOutcome(choice, 'a', 'failed', 'no');
    expect(chooseMachines(choice, true, 1).addresses).to.deep.equal(['a', 'b']);
  });

  it('show since when an answer is waited for', () => {
    const first = chooseMachines(firstChoice(['a', 'b']), true, 10).choice;
    const second = chooseMachines(noteOutcome(first, 'a', 'ok'), true, 20).choice;
    expect(second.machines.map((machine) => machine.waitingSince)).to.deep.equal([20, 10]);
  });
});

describe('what is known of a machine', () => {
  it('is nothing before the first try', () => {
    expect(firstChoice(['a']).machines).to.deep.equal([
      { address: 'a', ok: null, lastError: null, waitingSince: null },
    ]);
  });

  it('is the last error until it accepts', () => {
    const failed = noteOutcome(firstChoice(['a']), 'a', 'refused', 'wrong name');
    expect(failed.machines[0]).to.include({ ok: false, lastError: 'wrong name' });
    expect(noteOutcome(failed, 'a', 'ok').machines[0]).to.include({ ok: true, lastError: null });
  });

  it('is not changed by an address that is none of them', () => {
    const choice = firstChoice(['a']);
    expect(noteOutcome(choice, 'z', 'failed', 'x')).to.equal(choice);
  });
});

describe('where a snapshot goes', () => {
  it('is the current machine', () => {
    expect(transferTargets(noteOutcome(firstChoice(['a', 'b']), 'b', 'ok'), false)).to.deep.equal(['b']);
  });

  it('is every machine that accepts when all are sent to', () => {
    let choice = firstChoice(['a', 'b', 'c']);
    choice = noteOutcome(noteOutcome(noteOutcome(choice, 'a', 'ok'), 'b', 'failed', 'x'), 'c', 'ok');
    expect(transferTargets(choice, true)).to.have.members(['a', 'c']);
  });

  it('is the current machine when none is known to accept', () => {
    expect(transferTargets(firstChoice(['a', 'b']), true)).to.deep.equal(['a']);
  });
});
