/**
 * On every answer, refusals too: nothing here is for a web page of another origin, nor for a cache, nor to be shown
 * inside another page; and whatever a browser takes an answer for, it loads and runs nothing. A page of our own that
 * wants more says so itself. There is no header of CORS anywhere.
 */
export const SECURITY_HEADERS = [
  ['x-content-type-options', 'nosniff'],
  ['cache-control', 'no-store'],
  ['cross-origin-resource-policy', 'same-origin'],
  ['content-security-policy', "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"],
  ['x-frame-options', 'DENY'],
  ['referrer-policy', 'no-referrer'],
] as const;
