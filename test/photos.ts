import sharp, { type Sharp } from 'sharp';

/** Photo-like content, the same each time: smooth gradients with noise and edges. Sizes are in pixels. */
export function photoLike(height: number, width: number): Sharp {
  const pixels = Buffer.alloc(height * width * 3);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      for (let c = 0; c < 3; c += 1) {
        const edge = (x >> (3 + c)) % 2 === (y >> 4) % 2 ? 70 : 0;
        const noise = (x * 7919 + y * 104_729 + c * 1299) % 41;
        pixels[(y * width + x) * 3 + c] =
          ((x * (c + 1) * 128) / width + (y * 60) / height + edge + noise) % 256;
      }
    }
  }
  return sharp(pixels, { raw: { width, height, channels: 3 } });
}
