import { createHash } from 'node:crypto';

/** SHA-256 of the inventory's text (core/inventory.ts), in hexadecimal: equal on both sides when nothing need be sent. */
export function inventoryDigest(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
