const SHOWN_CHARACTERS = 100;

/**
 * What a stranger sent, for a log or a message: in quotes, every character outside printable ASCII escaped, cut. No
 * terminal and no log reader can be led astray by it.
 */
export function quoted(text: string): string {
  const cut = text.slice(0, SHOWN_CHARACTERS);
  const escaped = JSON.stringify(cut).replace(
    /[^\x20-\x7e]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return escaped.length <= SHOWN_CHARACTERS ? escaped : `${escaped.slice(0, SHOWN_CHARACTERS)}…`;
}

/** A peer's own sentence, shown to our operator: one line, no control characters, bounded. */
export function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, ' ').slice(0, 300);
}
