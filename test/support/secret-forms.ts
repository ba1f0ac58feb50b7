/** What is shorter would be found by chance, in a number or a name. */
export const SECRET_MIN_CHARACTERS = 6;
const PIECE_MIN_CHARACTERS = 8;

/**
 * The texts in which a secret could show itself: as it is, within JSON, a URL, a form or a shell's word, and encoded as
 * `Authorization: Basic`, a JWT, a key of a JWK or a dump of memory would have it.
 */
export function formsOf(secret: string): string[] {
  const bytes = Buffer.from(secret);
  const hex = bytes.toString('hex');
  const forms = [
    secret,
    JSON.stringify(secret).slice(1, -1),
    ...percentForms(secret),
    secret.replaceAll("'", "'\\''"),
    hex,
    hex.toUpperCase(),
    ...base64Forms(bytes),
  ];
  return [...new Set(forms)].filter((form) => form.length >= SECRET_MIN_CHARACTERS);
}

/** Some texts cannot be encoded; then nobody can have told them so. */
function percentForms(secret: string): string[] {
  if (!secret.isWellFormed()) return [];
  const encoded = encodeURIComponent(secret);
  return [
    encoded,
    encoded.replaceAll(/%[0-9A-F]{2}/g, (escape) => escape.toLowerCase()),
    encodeURI(secret),
    new URLSearchParams([['', secret]]).toString().slice(1),
  ];
}

/**
 * What is in the middle of a longer text has one of three forms in base64, by the place where it begins. The characters
 * at both ends depend on the neighbours as well and are left out.
 */
function base64Forms(bytes: Buffer): string[] {
  const forms = [0, 1, 2].map((before) => {
    const text = Buffer.concat([Buffer.alloc(before), bytes])
      .toString('base64')
      .replaceAll('=', '');
    const isCut = (before + bytes.length) % 3 !== 0;
    return text.slice(before === 0 ? 0 : before + 1, isCut ? -1 : undefined);
  });
  return [...forms, ...forms.map((form) => form.replaceAll('+', '-').replaceAll('/', '_'))].filter(
    (form) => form.length >= PIECE_MIN_CHARACTERS,
  );
}
