import type { CommandOutcome, GatewayEvent } from '../core/events.ts';

/** Runs the operator's failover command. */
export interface CommandRunner {
  /**
   * Runs `command` with /bin/sh, the variables added to our environment less our secrets. After `timeoutMs`, or when
   * the signal is aborted, SIGTERM to its process group, then SIGKILL. Never rejects.
   */
  run(
    command: string,
    variables: Readonly<Record<string, string>>,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<{ outcome: CommandOutcome; exitStatus: number | null; detail: string }>;
}

/** Posts events to the operator's webhook. */
export interface EventSink {
  /** True when it was answered 2xx. Never rejects. */
  post(event: GatewayEvent, signal: AbortSignal): Promise<{ delivered: boolean; detail: string }>;
}

/** Asks the application how it is. */
export interface HealthProbe {
  /** Never rejects; not answering is `critical`. */
  check(signal: AbortSignal): Promise<{ status: 'passing' | 'critical'; note: string }>;
}

/** A cron schedule: calls back at each due time until the signal is aborted. */
export interface Schedule {
  start(onDue: () => void, signal: AbortSignal): void;
}
