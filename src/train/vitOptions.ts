import { SpurmemError } from '../errors.js';
import { architectureOf, type Architecture } from '../models/architectures.js';

/** What a vision transformer can be given besides its name. */
export interface VitOptions {
  /** [height, width] in pixels, to which images are resized; default: as the dataset prepares them. */
  readonly imageSize?: readonly [number, number] | undefined;
  /** Side of a patch in pixels; default: the architecture's. */
  readonly patchSize?: number | undefined;
  /** eps of every LayerNorm; default: the architecture's. */
  readonly layerNormEps?: number | undefined;
}

/**
 * The settings of a vision transformer, with its defaults; none for another architecture.
 *
 * @throws `USAGE` when one is given for another architecture, or is out of range
 */
export function vitSettings(
  arch: Architecture,
  { imageSize, patchSize, layerNormEps }: VitOptions,
): { imageSize?: [number, number]; patchSize?: number; layerNormEps?: number } {
  const given = Object.entries({ imageSize, patchSize, layerNormEps })
    .filter(([, value]) => value !== undefined)
    .map(([name]) => `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`);
  const { options: defaults } = architectureOf(arch);
  if (defaults.patchSize === undefined || defaults.layerNormEps === undefined) {
    if (given.length === 0) return {};
    throw new SpurmemError(
      'USAGE',
      `${given.join(' and ')}: --arch is ${arch}, and only vision transformers take that. ` +
        'Leave it out, or choose an architecture whose name begins with vit.',
    );
  }
  const settings = {
    patchSize: patchSize ?? defaults.patchSize,
    layerNormEps: layerNormEps ?? defaults.layerNormEps,
  };
  if (!Number.isInteger(settings.patchSize) || settings.patchSize < 1) {
    throw new SpurmemError(
      'USAGE',
      `--patch-size is ${settings.patchSize}: it takes whole pixels, at least 1.`,
    );
  }
  if (!(settings.layerNormEps > 0) || !Number.isFinite(settings.layerNormEps)) {
    throw new SpurmemError(
      'USAGE',
      `--layer-norm-eps is ${settings.layerNormEps}: it takes a number above 0.`,
    );
  }
  if (imageSize === undefined) return settings;
  requirePatches(imageSize, settings.patchSize);
  return { imageSize: [...imageSize], ...settings };
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
    `Patches of ${patchSize} px do not cover images of ${height} x ${width} px: both sides must be multiples of --patch-size. ` +
      'Choose another --patch-size, or another --image-size.',
  );
}
