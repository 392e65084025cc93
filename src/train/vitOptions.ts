import { misplaced, SpurmemError } from '../errors.js';
import { type Architecture, architectureOf } from '../models/architectures.js';
import { checkSettings, type GivenOf } from '../settings/setting.js';
import { VIT_SETTINGS } from './ermSettings.js';

/**
 * The settings of a vision transformer, with its defaults; none for another architecture.
 *
 * @throws `USAGE` when one is given for an architecture that does not take it, is out of range, or leaves images that patches do not cover
 */
export function vitSettings(
  arch: Architecture,
  given: GivenOf<typeof VIT_SETTINGS>,
): { imageSize?: [number, number]; patchSize?: number; layerNormEps?: number } {
  checkSettings(VIT_SETTINGS, given);
  const { options: defaults } = architectureOf(arch);
  const names = Object.entries(given).flatMap(([name, value]) =>
    value === undefined ? [] : [`\`${name}\``],
  );
  if (defaults === undefined) {
    if (names.length === 0) return {};
    throw new SpurmemError(
      'USAGE',
      `${names.join(' and ')}: \`arch\` is ${arch}, and only vision transformers take that.`,
      {
        parameter: names[0]?.slice(1, -1),
        advice: ['Leave it out, or choose an architecture whose name begins with vit.'],
      },
    );
  }
  const { imageSize, patchSize = defaults.patchSize, layerNormEps = defaults.layerNormEps } = given;
  if (imageSize === undefined) return { patchSize, layerNormEps };
  const [height, width] = typeof imageSize === 'number' ? [imageSize, imageSize] : imageSize;
  requirePatches([height, width], patchSize);
  return { imageSize: [height, width], patchSize, layerNormEps };
}

/**
 * Checks that patches cover images.
 *
 * @throws `USAGE` naming both sizes
 */
export function requirePatches([height, width]: readonly [number, number], patchSize: number): void {
  if (height >= 1 && width >= 1 && height % patchSize === 0 && width % patchSize === 0) return;
  throw misplaced(
    'patchSize',
    patchSize,
    'a divisor of both sides',
    `Patches of ${patchSize} px do not cover images of ${height} x ${width} px: both sides must be multiples of \`patchSize\`.`,
    'Choose another `patchSize`, or another `imageSize`.',
  );
}
