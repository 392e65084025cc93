// The libraries that decode JPEG and PNG files. The package brings them beside its addons; the system's serve as well.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type ImageDecoders, native } from './addon.js';
import { PREBUILDS } from './addonFiles.js';

/** The package's libraries for this platform. */
const OF_PACKAGE = join(PREBUILDS, 'decoders', `${process.platform}-${process.arch}`);

/**
 * Loads libjpeg-turbo and libspng, where there are any: those of the package, else the system's. `SPURMEM_DECODERS=off` leaves all images
 * to sharp. Throws `NATIVE_LOAD_FAILED`.
 */
export function loadDecoders(): ImageDecoders {
  const [jpeg, png] = ['libturbojpeg.so.0', 'libspng.so.0'].map(placesOf) as [string[], string[]];
  return native().loadDecoders(jpeg, png);
}

function placesOf(name: string): string[] {
  if (process.env.SPURMEM_DECODERS === 'off') return [];
  const own = join(OF_PACKAGE, name);
  return existsSync(own) ? [own, name] : [name];
}
