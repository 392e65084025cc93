import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';

/** This package's folder in the user's cache. XDG's rule: a relative XDG_CACHE_HOME is ignored. */
export function userCache(): string {
  const told = process.env.XDG_CACHE_HOME;
  return join(told !== undefined && isAbsolute(told) ? told : join(homedir(), '.cache'), 'spurmem');
}
