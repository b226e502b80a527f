import { ConfigError, RuntimeError } from '@hadamard-adapter/core';
import { Redis } from 'ioredis';

/** A connection to Redis that waits when it is gone. */
export interface Connection {
  readonly redis: Redis;
  /** For people; without a password. */
  readonly place: string;
  /** Redis is gone, and waited for. */
  away(): boolean;
  close(): void;
}

/** How long Redis may take to be there at the start. */
const START_MS = 5000;

/**
 * Connect to Redis. Once connected, a Redis that goes away is waited for, however long: commands are sent when it is
 * back.
 *
 * @param note told when it goes and when it is back.
 * @throws ConfigError QUEUE_URL; RuntimeError QUEUE_CONNECT when it is not there within 5 seconds, or does not let us
 *   in.
 */
export async function connect(url: string, note: (text: string) => void): Promise<Connection> {
  const place = placeOf(url);
  const redis = new Redis(url, {
    lazyConnect: true,
    maxRetriesPerRequest: null,
    connectTimeout: START_MS,
    retryStrategy: (times) => Math.min(100 * 2 ** times, 2000),
  });
  let last: Error | undefined;
  redis.on('error', (error) => (last = error));
  // Its failure is told by the events.
  redis.connect().catch(() => undefined);
  let timer: NodeJS.Timeout | undefined;
  try {
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`no answer in ${START_MS / 1000} s`)), START_MS);
    });
    // Waits for the connection, and is refused without the right password.
    await Promise.race([redis.ping(), late]);
  } catch (cause) {
    redis.disconnect();
    const reason = last ?? (cause instanceof Error ? cause : new Error(String(cause)));
    const code = 'code' in reason ? reason.code : undefined;
    throw new RuntimeError('Redis cannot be reached', {
      code: 'QUEUE_CONNECT',
      found: `${place}: ${reason.message === '' ? String(code ?? reason.name) : reason.message}`,
      hint: 'Start it (redis-server), or check the address.',
      cause,
    });
  } finally {
    clearTimeout(timer);
  }
  let away = false;
  let closed = false;
  redis.on('close', () => {
    if (!away && !closed) note(`Redis at ${place} is not reachable, waiting`);
    away = true;
  });
  redis.on('ready', () => {
    if (away) note(`Redis at ${place} is back`);
    away = false;
  });
  return {
    redis,
    place,
    away: () => away,
    close() {
      closed = true;
      redis.disconnect();
    },
  };
}

function placeOf(url: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed === undefined || !['redis:', 'rediss:'].includes(parsed.protocol)) {
    throw new ConfigError('The queue has no such address', {
      code: 'QUEUE_URL',
      found: parsed === undefined ? url : `${parsed.protocol}//…`,
      expected: 'redis://host:port/db',
    });
  }
  return `${parsed.protocol}//${parsed.host}${parsed.pathname === '/' ? '' : parsed.pathname}`;
}
