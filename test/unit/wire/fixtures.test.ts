import { readFileSync, readdirSync } from 'node:fs';
import { expect } from 'chai';
import * as v from 'valibot';
import { inventorySchema, parsePeerMessage, peerAnswerSchema } from '../../../src/wire/messages.ts';
import { parseEnvelope, type Headers } from '../../../src/wire/snapshot-headers.ts';
import { WIRE_VERSIONS } from '../../../src/wire/versions.ts';

const FIXTURES = new URL('../../fixtures/wire/', import.meta.url);

const fixtureSchema = v.object({
  is: v.picklist(['message', 'answer', 'inventory', 'snapshot']),
  why: v.string(),
  value: v.unknown(),
});

/** null when it parses, else what was wrong. */
function problemOf(fixture: v.InferOutput<typeof fixtureSchema>): string | null {
  switch (fixture.is) {
    case 'message': {
      const parsed = parsePeerMessage(fixture.value);
      return parsed.kind === 'message' ? null : JSON.stringify(parsed);
    }
    case 'answer':
      return v.is(peerAnswerSchema, fixture.value) ? null : 'no answer';
    case 'inventory':
      return v.is(inventorySchema, fixture.value) ? null : 'no inventory';
    case 'snapshot': {
      const parsed = parseEnvelope(fixture.value as Headers, 'orders');
      return parsed.ok ? null : `${parsed.field}: ${parsed.problem}`;
    }
  }
}

describe('what was sent once', () => {
  for (const folder of readdirSync(FIXTURES)) {
    for (const file of readdirSync(new URL(`${folder}/`, FIXTURES))) {
      it(`is understood for ever: ${folder}/${file}`, () => {
        const json: unknown = JSON.parse(readFileSync(new URL(`${folder}/${file}`, FIXTURES), 'utf8'));
        expect(problemOf(v.parse(fixtureSchema, json))).to.equal(null);
      });
    }
  }

  it('has a folder of fixtures for every number of the protocol', () => {
    const numbers = new Set(WIRE_VERSIONS.map((version) => `v${version.protocol}`));
    expect(readdirSync(FIXTURES)).to.have.members([...numbers]);
  });
});
