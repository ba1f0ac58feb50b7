import { readFile } from 'node:fs/promises';
import { parsePeerKeys } from '../../core/peer-keys.ts';
import { messageOf } from '../../errors.ts';
import type { Secret } from '../../secret.ts';
import type { KeyRing } from './key-ring.ts';
import type { TrustMaterial } from './peer-trust.ts';
import { TlsMaterial, TlsMaterialError } from './tls-material.ts';

/** Where the material of trust comes from. */
export interface TrustSources {
  readonly tls: { readonly certFile: string; readonly keyFile: string; readonly caFile: string } | null;
  /** With a file the text was read from it, and it is read again. */
  readonly keys: { readonly text: Secret; readonly file: string | null } | null;
}

/** A file of trust that cannot be used: the configuration key, the file, and what is wrong with it. */
export class TrustProblem extends Error {
  constructor(key: string, file: string | null, message: string) {
    super(`${key}: ${file === null ? '' : `${file} `}${message}`);
    this.name = 'TrustProblem';
  }
}

/** The texts of the material, as they are on the disk now; whether something changed is seen by comparing them. */
export interface TrustTexts {
  readonly tls: { readonly cert: string; readonly key: string; readonly ca: string } | null;
  readonly keys: string | null;
}

/** @throws TrustProblem for a file that cannot be read */
export async function readTrust({ tls, keys }: TrustSources): Promise<TrustTexts> {
  return {
    tls:
      tls === null
        ? null
        : {
            cert: await read('peerTlsCertFile', tls.certFile),
            key: await read('peerTlsKeyFile', tls.keyFile),
            ca: await read('peerTlsCaFile', tls.caFile),
          },
    keys: keys === null ? null : keys.file === null ? keys.text.reveal() : await read('peerSharedKeyFile', keys.file),
  };
}

/**
 * Checks the texts and makes of them what can be put in force.
 *
 * @throws TrustProblem for what cannot be used; no part of a key is in it
 */
export async function trustOf(texts: TrustTexts, sources: TrustSources, dataCenter: string): Promise<TrustMaterial> {
  return {
    tls: texts.tls === null ? null : tlsOf(texts.tls, sources, dataCenter),
    keys: texts.keys === null ? null : await keysOf(texts.keys, sources, dataCenter),
  };
}

function tlsOf(texts: NonNullable<TrustTexts['tls']>, { tls }: TrustSources, dataCenter: string): TlsMaterial {
  const files: Readonly<Record<string, string | undefined>> = {
    peerTlsCertFile: tls?.certFile,
    peerTlsKeyFile: tls?.keyFile,
    peerTlsCaFile: tls?.caFile,
  };
  try {
    return new TlsMaterial(texts, dataCenter);
  } catch (error) {
    if (!(error instanceof TlsMaterialError)) throw error;
    throw new TrustProblem(error.key, files[error.key] ?? null, error.message);
  }
}

async function keysOf(text: string, { keys }: TrustSources, dataCenter: string): Promise<KeyRing> {
  const file = keys?.file ?? null;
  const key = file === null ? 'peerSharedKey' : 'peerSharedKeyFile';
  const parsed = parsePeerKeys(text);
  if (parsed instanceof Error) throw new TrustProblem(key, file, parsed.message);
  // Loaded where there are keys: what signs takes longer to load than much of the rest.
  const { KeyRing: Ring } = await import('./key-ring.ts');
  try {
    return new Ring(parsed, dataCenter);
  } catch (error) {
    throw new TrustProblem(key, file, messageOf(error));
  }
}

async function read(key: string, file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : messageOf(error);
    throw new TrustProblem(key, file, `cannot be read (${code})`);
  }
}
