import { SpurmemError } from '../errors.js';
import { architectureOf, type Architecture } from '../models/architectures.js';

/** Settings that only some architectures take. */
interface VitSettings {
  /** [height, width] in pixels, to which images are resized; left out: as the dataset prepares them. */
  readonly imageSize?: readonly [number, number] | undefined;
  /** Side of a patch in pixels. */
  readonly patchSize?: number | undefined;
  /** eps of every LayerNorm. */
  readonly layerNormEps?: number | undefined;
}

/**
 * The settings of a vision transformer, with its defaults; none for another architecture.
 *
 * @throws `USAGE` when one is given for an architecture that does not take it, and when patches do not cover the images
 */
export function vitSettings(
  arch: Architecture,
  given: VitSettings,
): { imageSize?: [number, number]; patchSize?: number; layerNormEps?: number } {
  const { options: defaults } = architectureOf(arch);
  const names = Object.entries(given).flatMap(([name, value]) =>
    value === undefined ? [] : [`\`${name}\``],
  );
  if (defaults.patchSize === undefined || defaults.layerNormEps === undefined) {
    if (names.length === 0) return {};
    throw new SpurmemError(
      'USAGE',
      `${names.join(' and ')}: \`arch\` is ${arch}, and only vision transformers take that.`,
      {
        ...{ parameter: names[0]?.slice(1, -1) },
        advice: ['Leave it out, or choose an architecture whose name begins with vit.'],
      },
    );
  }
  const { imageSize, patchSize = defaults.patchSize, layerNormEps = defaults.layerNormEps } = given;
  if (imageSize === undefined) return { patchSize, layerNormEps };
  requirePatches(imageSize, patchSize);
  return { imageSize: [...imageSize], patchSize, layerNormEps };
}

/**
 * Checks that patches cover images.
 *
 * @throws `USAGE` naming both sizes
 */
export function requirePatches([height, width]: readonly [number, number], patchSize: number): void {
  if (height >= 1 && width >= 1 && height % patchSize === 0 && width % patchSize === 0) return;
  throw new SpurmemError(
    'USAGE',
    `Patches of ${patchSize} px do not cover images of ${height} x ${width} px: both sides must be multiples of \`patchSize\`.`,
    {
      ...{ parameter: 'patchSize', value: patchSize, expected: 'a divisor of both sides' },
      advice: ['Choose another `patchSize`, or another `imageSize`.'],
    },
  );
}
