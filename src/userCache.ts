import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';

/** Returns this package's folder in the user's cache. As XDG rules, a relative XDG_CACHE_HOME is ignored. */
export function userCache(): string {
  const named = process.env.XDG_CACHE_HOME;
  return join(named !== undefined && isAbsolute(named) ? named : join(homedir(), '.cache'), 'spurmem');
}
