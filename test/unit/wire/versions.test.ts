import { expect } from 'chai';
import * as v from 'valibot';
import { PROTOCOL } from '../../../src/units.ts';
import { inventorySchema, peerAnswerSchema, peerMessageSchema } from '../../../src/wire/messages.ts';
import { HEADER } from '../../../src/wire/snapshot-headers.ts';
import { WIRE_VERSIONS } from '../../../src/wire/versions.ts';
import { shapeHash, shapeOf } from './schema-shape.ts';

const newest = WIRE_VERSIONS.at(-1)!;
const ADVICE = 'what travels was changed: add an entry to src/wire/versions.ts and a fixture, or take the change back';

describe('the versions of the peer protocol', () => {
  it('have the message as it is now', () =>
    expect(shapeHash(shapeOf(peerMessageSchema)), ADVICE).to.equal(newest.shapes.message));
  it('have the answer as it is now', () =>
    expect(shapeHash(shapeOf(peerAnswerSchema)), ADVICE).to.equal(newest.shapes.answer));
  it('have the inventory as it is now', () =>
    expect(shapeHash(shapeOf(inventorySchema)), ADVICE).to.equal(newest.shapes.inventory));
  it('have the headers as they are now', () =>
    expect(shapeHash(shapeOf(HEADER)), ADVICE).to.equal(newest.shapes.snapshotHeaders));

  it('end with the number that this program speaks', () => expect(newest.protocol).to.equal(PROTOCOL));

  it('are dated, in order, and never go back to a smaller number', () => {
    for (const [index, version] of WIRE_VERSIONS.entries()) {
      expect(version.since).to.match(/^\d{4}-\d{2}-\d{2}$/);
      const before = WIRE_VERSIONS[index - 1];
      if (before === undefined) continue;
      expect(version.since >= before.since).to.equal(true);
      expect(version.protocol).to.be.at.least(before.protocol);
      expect(version.shapes).not.to.deep.equal(before.shapes);
    }
  });
});

describe('the shape of a schema', () => {
  const schema = v.object({ name: v.pipe(v.string(), v.maxLength(10)), status: v.picklist(['a', 'b']) });
  const changed: [name: string, other: object][] = [
    ['another field', v.object({ ...schema.entries, more: v.optional(v.string()) })],
    ['a field less', v.object({ name: schema.entries.name })],
    ['another bound', v.object({ ...schema.entries, name: v.pipe(v.string(), v.maxLength(11)) })],
    ['another kind', v.object({ ...schema.entries, name: v.number() })],
    ['another choice', v.object({ ...schema.entries, status: v.picklist(['a', 'b', 'c']) })],
    ['a field that may be null', v.object({ ...schema.entries, status: v.nullable(v.picklist(['a', 'b'])) })],
    ['a field that is called as a part of a schema', v.object({ ...schema.entries, message: v.string() })],
    ['strictness', v.strictObject(schema.entries)],
  ];
  for (const [name, other] of changed)
    it(`changes with ${name}`, () => expect(shapeOf(other)).not.to.equal(shapeOf(schema)));

  it('does not change with the order of the fields, nor with what is said to people', () => {
    const other = v.object({
      status: v.picklist(['a', 'b'], 'a or b'),
      name: v.pipe(v.string('a text'), v.maxLength(10, 'too long')),
    });
    expect(shapeOf(other)).to.equal(shapeOf(schema));
  });
});
