import type Sharp from 'sharp';

/** sharp, loaded with the first image: libvips takes a tenth of a second and 20 MB. */
export async function loadSharp(): Promise<typeof Sharp> {
  return (await import('sharp')).default;
}
