/** One segment; it may not begin with a dot, as our own files beside the records do. */
const SEGMENT = /^[a-z0-9_-][a-z0-9._-]{0,119}$/;
const MOST_SEGMENTS = 3;

export interface RecordName {
  readonly folders: readonly string[];
  readonly last: string;
}

/** @throws RangeError for what is no name of a record: names are made by our own code, so it is a defect */
export function parseRecordName(name: string): RecordName {
  const segments = name.split('/');
  const last = segments.pop();
  const isName =
    last !== undefined &&
    segments.length < MOST_SEGMENTS &&
    [...segments, last].every((segment) => SEGMENT.test(segment));
  if (!isName) throw new RangeError(`"${name}" is no name of a record`);
  return { folders: segments, last };
}

/** @throws RangeError for what is no folder of records; the empty text is the folder of all */
export function assertFolderName(folder: string): void {
  if (folder !== '') parseRecordName(folder);
}
