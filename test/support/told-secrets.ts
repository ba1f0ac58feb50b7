import { readdirSync, readFileSync, statSync, type Dirent } from 'node:fs';
import { join } from 'node:path';
import type { HttpAnswer } from './http-call.ts';
import type { KnownSecret } from './known-secrets.ts';
import { formsOf, SECRET_MIN_CHARACTERS } from './secret-forms.ts';

/** Of files and answers that are longer, the contents are an application's snapshot and no words of ours. */
const TEXT_MAX_BYTES = 5 * 1024 * 1024;

/**
 * Whether anything that the programs under test say has a secret in it that they were given. Whoever starts a program
 * registers its secrets; whoever reads what it says lets it be heard; a finding fails the test, and tells where it was
 * and what kind of secret, but not the secret.
 */
export class ToldSecrets {
  /** The texts to look for, and the kind of secret that each shows. */
  readonly #forms = new Map<string, string>();
  readonly #findings = new Set<string>();
  #texts = 0;
  #gateways = 0;

  /** How many texts were searched, and how many gateways were heard to their end. */
  get counts(): { readonly texts: number; readonly gateways: number } {
    return { texts: this.#texts, gateways: this.#gateways };
  }

  register(secrets: readonly KnownSecret[]): void {
    for (const { kind, value } of secrets) {
      if (value.length < SECRET_MIN_CHARACTERS) continue;
      for (const form of formsOf(value)) this.#forms.set(form, kind);
    }
  }

  hear(where: string, text: string): void {
    this.#texts += 1;
    for (const [form, kind] of this.#forms) {
      if (text.includes(form)) this.#findings.add(`${this.#masked(where)} has the secret of ${kind}`);
    }
  }

  /** A path or a URL may have it as well, and a finding is printed. */
  #masked(where: string): string {
    return [...this.#forms.keys()].reduce((text, form) => text.replaceAll(form, '***'), where);
  }

  hearAnswer(where: string, { status, headers, body }: HttpAnswer): void {
    this.hear(`the headers of ${where} (${status})`, JSON.stringify(headers));
    if (body.length > 0 && body.length <= TEXT_MAX_BYTES && /json|text/.test(headers['content-type'] ?? '')) {
      this.hear(`the answer to ${where} (${status})`, body.toString());
    }
  }

  /** Every file in it and below, and every name. A folder that is not there says nothing. */
  hearFolder(where: string, folder: string): void {
    for (const entry of entriesOf(folder)) {
      const path = join(entry.parentPath, entry.name);
      this.hear(`a name in ${where}`, path);
      if (!entry.isFile()) continue;
      const text = contentOf(path);
      if (text !== undefined) this.hear(`${where}: ${path.slice(folder.length + 1)}`, text);
    }
  }

  /** What a gateway that is of no use any more left behind. */
  hearLeftBehind(where: string, folder: string): void {
    this.#gateways += 1;
    this.hearFolder(where, folder);
  }

  /** Forgets what was found. @returns where something was told, each place once */
  takeFindings(): string[] {
    const findings = [...this.#findings].sort();
    this.#findings.clear();
    return findings;
  }

  /** Ends a test: what it registered is not looked for any more. @throws Error that says where a secret was told */
  settle(): void {
    this.#forms.clear();
    const findings = this.takeFindings();
    if (findings.length > 0) throw new Error(`secrets were told:\n${findings.join('\n')}`);
  }
}

/** One for all tests of this process. */
export const toldSecrets = new ToldSecrets();

function entriesOf(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { recursive: true, withFileTypes: true });
  } catch {
    return [];
  }
}

function contentOf(path: string): string | undefined {
  try {
    // Latin-1 loses nothing and takes the least time; a secret's forms are ASCII but for the rarest.
    return statSync(path).size <= TEXT_MAX_BYTES ? readFileSync(path, 'latin1') : undefined;
  } catch {
    return undefined;
  }
}
