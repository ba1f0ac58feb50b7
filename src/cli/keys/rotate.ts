import { parseCommandLine, type Command } from '../command.ts';
import { EXIT, usageError } from '../exit-status.ts';
import { writeLine } from '../io.ts';
import { keyFileText, parseKeyFile, STEPS, type KeyFile, type Step } from './key-file.ts';
import { isEncryptionFile, rotated } from './key-sets.ts';
import { readKeyFile, replaceFile } from './secret-file.ts';
import { idOf } from './texts.ts';

const GRAMMAR = { name: 'keys rotate', options: { step: { type: 'string' } }, positionals: ['FILE...'] } as const;

export const rotateCommand: Command = {
  help: `\
crossdc keys rotate FILE --step add|use|drop
crossdc keys rotate FILE FILE... --step add|use|drop

Puts a new key in the place of an old one, in three steps without a gap. After each step the file is copied to every
gateway that has it, and only when the last one has taken it comes the next step:

  --step add         a new key, which only verifies what the others say: the old one still signs
  --step use         the new one signs; the old one still verifies
  --step drop        the old one is removed

A step that was interrupted is repeated; one that was done already changes nothing; one that would come too early is
refused. A file is replaced in one step, and its owner stays. Of pairs of keys (crossdc keys generate --ed25519) the
files of all data centres are given together. A file of encryption keys takes add and use: its old keys stay, because
without them what was stored could not be read.
`,
  async run(argv, io) {
    const { values, positionals } = parseCommandLine(GRAMMAR, argv);
    const step = STEPS.find((each) => each === values.step);
    if (step === undefined) throw usageError('keys rotate needs --step add, use or drop (crossdc keys rotate --help)');
    const members = [];
    for (const path of positionals) members.push({ path, file: parseKeyFile((await readKeyFile(path)).text) });
    const after = rotated(members, step, io.wallMs());
    let isChanged = false;
    for (const [index, { path, file }] of members.entries()) {
      const next = after[index] ?? file;
      const isSame = sameKeys(file, next);
      if (!isSame) await replaceFile(path, keyFileText(next), 'secret');
      isChanged ||= !isSame;
      await writeLine(io.stdout, `${path}: ${isSame ? 'nothing to do, ' : ''}${shown(next)}`);
    }
    const [first] = after;
    if (first !== undefined) await writeLine(io.stdout, advice(step, isEncryptionFile(first), isChanged));
    return EXIT.done;
  },
};

function sameKeys(one: KeyFile, other: KeyFile): boolean {
  const marked = ({ keys }: KeyFile): string => keys.map(({ item, mark }) => `${item} ${mark ?? ''}`).join('\n');
  return marked(one) === marked(other);
}

/** "1a2b3c4d5e6f7890 first, 0f1e2d3c4b5a6978 next" */
function shown({ keys }: KeyFile): string {
  return keys
    .map(({ item, mark }, index) => `${idOf(item)}${index === 0 ? ' first' : ''}${mark === null ? '' : ` ${mark}`}`)
    .join(', ');
}

function advice(step: Step, isEncryption: boolean, isChanged: boolean): string {
  if (isEncryption)
    return step === 'add'
      ? 'Copy it wherever the gateway of this data centre may run; then crossdc keys rotate FILE --step use'
      : 'Copy it wherever the gateway of this data centre may run, and restart the gateway: from then on the first encrypts';
  const copy = isChanged
    ? 'Copy the file to every data centre that has it'
    : 'See that every data centre has the file as it is';
  if (step === 'drop') return `${copy}; then the rotation is done`;
  return `${copy}; when the last gateway has taken it: --step ${step === 'add' ? 'use' : 'drop'}`;
}
