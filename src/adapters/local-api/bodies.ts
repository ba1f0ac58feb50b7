import * as v from 'valibot';
import { LARGEST_NUMBER } from '../../units.ts';
import { dataCenterName, originProblem, positiveNumber, watermarkPositionProblem } from '../../wire/names.ts';

/**
 * The JSON bodies that the local API takes. Where a field narrows or guards what is done, an unknown one is refused:
 * misspelt, it would be done without the guard. In what an application only tells, unknown fields are ignored.
 */
const ORIGINS_MAX = 1000;
const TEXT_MAX = 1000;
const TIMEOUT_MAX_SECONDS = 86_400;

const originSchema = v.pipe(
  v.string(),
  v.rawCheck(({ dataset, addIssue }) => {
    const problem = dataset.typed ? originProblem(dataset.value) : null;
    if (problem !== null) addIssue({ message: problem });
  }),
);
/** An empty list would ask for nothing; leaving it out asks for all. */
const originsSchema = v.pipe(
  v.array(originSchema),
  v.minLength(1, 'must name at least one origin; leave it out for all'),
  v.maxLength(ORIGINS_MAX, `may name at most ${ORIGINS_MAX} origins`),
);
const wellFormed = v.check((text: string) => text.isWellFormed(), 'must be well-formed Unicode');

export const requestBody = v.strictObject({
  origins: v.optional(originsSchema),
  /** Seconds. */
  timeout: v.optional(v.pipe(v.number(), v.gtValue(0), v.maxValue(TIMEOUT_MAX_SECONDS))),
});

export const deliverBody = v.strictObject({ dataCenter: dataCenterName, origins: v.optional(originsSchema) });

export const rejectBody = v.object({
  reason: v.pipe(v.string(), v.minLength(1), v.maxLength(TEXT_MAX), wellFormed),
});

export const verifyBody = v.strictObject({ repair: v.optional(v.boolean(), false) });

export const messageBody = v.object({ msg: v.picklist(['OrderlyShutdown', 'SendMeDataFromSnapshotFiles']) });

export const healthBody = v.object({
  status: v.picklist(['passing', 'critical']),
  note: v.optional(v.pipe(v.string(), v.maxLength(TEXT_MAX), wellFormed)),
});

/** `ifEpoch`: refuse when the row has come further meanwhile. */
export const moveBody = v.strictObject({
  to: dataCenterName,
  ifEpoch: v.optional(positiveNumber),
  force: v.optional(v.boolean(), false),
  acceptDataLoss: v.optional(v.boolean(), false),
  dryRun: v.optional(v.boolean(), false),
});

/** Of a request that says everything by its path. */
export const emptyBody = v.strictObject({});

/**
 * With neither `seq` nor `position` it removes the watermark. Other fields beside these are ignored; other
 * fields alone are a mistake, which must not remove what the application wanted to set.
 */
export const watermarkBody = v.pipe(
  v.looseObject({
    seq: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(LARGEST_NUMBER))),
    position: v.optional(
      v.pipe(
        v.string(),
        v.rawCheck(({ dataset, addIssue }) => {
          const problem = dataset.typed ? watermarkPositionProblem(dataset.value) : null;
          if (problem !== null) addIssue({ message: problem });
        }),
      ),
    ),
  }),
  v.check(
    ({ seq, position, ...others }) => seq !== undefined || position !== undefined || Object.keys(others).length === 0,
    'has neither seq nor position; an empty object removes the watermark',
  ),
);
