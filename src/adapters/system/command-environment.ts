/**
 * Variables of ours that hold a secret. An operator's command inherits our environment, and from there it gets into
 * `ps`, crash reports and the logs of others. A `…_FILE` is a path and no secret; a JDBC URL may have a password in it.
 */
const SECRET_NAME = /^CROSSDC_(?:.*_)?(?:TOKEN|PASSWORD|KEY|SHARED_KEY|JDBC_URL|WEBHOOK_URL)$/i;

/** The environment for a command: `inherited` without our secrets, with `added`, which wins. */
export function commandEnvironment(
  inherited: Readonly<Record<string, string | undefined>>,
  added: Readonly<Record<string, string>>,
): Record<string, string> {
  const environment: Record<string, string> = {};
  for (const [name, value] of Object.entries(inherited)) {
    if (value !== undefined && !SECRET_NAME.test(name)) environment[name] = value;
  }
  return { ...environment, ...added };
}
