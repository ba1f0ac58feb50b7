/** The parameters of a PostgreSQL URL that this program acts on. `host`, `port` and `dbname` are those of psql's URLs. */
export const USED_PARAMETERS = [
  'user',
  'password',
  'sslmode',
  'ssl',
  'sslrootcert',
  'sslcert',
  'sslkey',
  'currentSchema',
  'host',
  'port',
  'dbname',
] as const;

export type UsedParameter = (typeof USED_PARAMETERS)[number];

/** What pgjdbc knows beyond them (its PGProperty); a URL that works there works here, and is told what has no effect. */
const OF_PGJDBC = [
  'adaptiveFetch',
  'adaptiveFetchMaximum',
  'adaptiveFetchMinimum',
  'allowEncodingChanges',
  'ApplicationName',
  'assumeMinServerVersion',
  'authenticationPluginClassName',
  'autosave',
  'binaryTransfer',
  'binaryTransferDisable',
  'binaryTransferEnable',
  'cancelSignalTimeout',
  'channelBinding',
  'cleanupSavepoints',
  'connectTimeout',
  'databaseMetadataCacheFields',
  'databaseMetadataCacheFieldsMiB',
  'defaultRowFetchSize',
  'disableColumnSanitiser',
  'escapeSyntaxCallMode',
  'groupStartupParameters',
  'gssEncMode',
  'gsslib',
  'gssResponseTimeout',
  'hideUnprivilegedObjects',
  'hostRecheckSeconds',
  'jaasApplicationName',
  'jaasLogin',
  'kerberosServerName',
  'loadBalanceHosts',
  'localSocketAddress',
  'loggerFile',
  'loggerLevel',
  'loginTimeout',
  'logServerErrorDetail',
  'logUnclosedConnections',
  'maxResultBuffer',
  'maxSendBufferSize',
  'options',
  'preferQueryMode',
  'preparedStatementCacheQueries',
  'preparedStatementCacheSizeMiB',
  'prepareThreshold',
  'protocolVersion',
  'queryTimeout',
  'quoteReturningIdentifiers',
  'readOnly',
  'readOnlyMode',
  'receiveBufferSize',
  'replication',
  'requireAuth',
  'reWriteBatchedInserts',
  'sendBufferSize',
  'socketFactory',
  'socketFactoryArg',
  'socketTimeout',
  'sspiServiceClass',
  'sslfactory',
  'sslfactoryarg',
  'sslhostnameverifier',
  'sslNegotiation',
  'sslpassword',
  'sslpasswordcallback',
  'sslResponseTimeout',
  'stringtype',
  'targetServerType',
  'tcpKeepAlive',
  'tcpNoDelay',
  'unknownLength',
  'useSpnego',
  'xmlFactoryFactory',
] as const;

/** What psql and libpq know beyond them and what does not choose where to connect to. */
const OF_LIBPQ = [
  'application_name',
  'channel_binding',
  'client_encoding',
  'connect_timeout',
  'fallback_application_name',
  'gssdelegation',
  'gssencmode',
  'keepalives',
  'keepalives_count',
  'keepalives_idle',
  'keepalives_interval',
  'krbsrvname',
  'load_balance_hosts',
  'max_protocol_version',
  'min_protocol_version',
  'passfile',
  'require_auth',
  'requirepeer',
  'requiressl',
  'ssl_max_protocol_version',
  'ssl_min_protocol_version',
  'sslcertmode',
  'sslcompression',
  'sslcrl',
  'sslcrldir',
  'sslnegotiation',
  'sslsni',
  'target_session_attrs',
  'tcp_user_timeout',
] as const;

const IGNORED: ReadonlySet<string> = new Set<string>([...OF_PGJDBC, ...OF_LIBPQ]);

/** Every parameter that somebody may have meant. */
export const KNOWN_PARAMETERS: readonly string[] = [...USED_PARAMETERS, ...IGNORED];

export function isUsedParameter(name: string): name is UsedParameter {
  return (USED_PARAMETERS as readonly string[]).includes(name);
}

/** Known to others and without effect here. */
export function isIgnoredParameter(name: string): boolean {
  return IGNORED.has(name);
}

/** Parameters with a secret in them, whether or not they have an effect. */
export function isSecretParameter(name: string): boolean {
  return /^(password|sslpassword)$/.test(name);
}
