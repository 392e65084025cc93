import { SpurmemError, usageError } from '../errors.js';
import { type Architecture, architectureOf } from '../models/architectures.js';
import { checkSettings, defined, type GivenOf } from '../settings/setting.js';
import { VIT_SETTINGS } from './ermSettings.js';

/**
 * Returns the settings of a vision transformer, with its defaults; none for another architecture. Throws `USAGE` for settings of
 * another architecture, a value out of range, or images that patches do not cover.
 *
 * @param imageSize of the images, if known
 */
export function vitSettings(
  arch: Architecture,
  given: GivenOf<typeof VIT_SETTINGS>,
  imageSize?: readonly [number, number],
): { patchSize?: number; layerNormEps?: number } {
  checkSettings(VIT_SETTINGS, given);
  const { options: defaults } = architectureOf(arch);
  if (defaults === undefined) {
    const names = Object.keys(defined(given));
    if (names.length === 0) return {};
    const quoted = names.map((name) => `\`${name}\``).join(' and ');
    const problem = `${quoted}: \`arch\` is ${arch}, and only vision transformers take that.`;
    const advice = ['Leave it out, or choose an architecture whose name begins with vit.'];
    throw new SpurmemError('USAGE', problem, { parameter: names[0], advice });
  }
  const { patchSize = defaults.patchSize, layerNormEps = defaults.layerNormEps } = given;
  if (imageSize) requirePatches(imageSize, patchSize);
  return { patchSize, layerNormEps };
}

/** Throws `USAGE` naming both sizes if patches do not cover images. */
export function requirePatches([height, width]: readonly [number, number], patchSize: number): void {
  if (height >= 1 && width >= 1 && height % patchSize === 0 && width % patchSize === 0) return;
  throw usageError(
    'patchSize',
    patchSize,
    'a divisor of both sides',
    `Patches of ${patchSize} px do not cover images of ${height} x ${width} px: both sides must be multiples of \`patchSize\`.`,
    'Choose another `patchSize`, or another `imageSize`.',
  );
}
