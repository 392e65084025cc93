import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { markdownDocuments, ROOT } from './documents.js';

/** The sources of each picture: of its numbers, and of its drawing. */
type Pictures = Readonly<
  Record<
    string,
    {
      command: string;
      commit: string;
      cpu: string;
      seeds: number[];
      sha256: Readonly<Record<string, string>>;
    }
  >
>;

const images = join(ROOT, 'docs/images');
const pictures = JSON.parse(readFileSync(join(images, 'pictures.json'), 'utf8')) as Pictures;

test('pictures are as new as what draws them', () => {
  const outdated = Object.values(pictures).flatMap(({ sha256 }) =>
    Object.entries(sha256)
      .filter(
        ([path, hash]) =>
          createHash('sha256')
            .update(readFileSync(join(ROOT, path)))
            .digest('hex') !== hash,
      )
      .map(([path]) => path),
  );
  // Otherwise: npm run build && node scripts/pictures.mjs
  expect(outdated).toEqual([]);
});

test('every picture of the documents is recorded, shows several models or a report, and is of a page’s width', () => {
  const shown = markdownDocuments().flatMap(({ links }) =>
    links.map(({ target }) => target).filter((target) => target.endsWith('.png')),
  );
  expect(shown.map((path) => path.split('/').at(-1)).sort()).toEqual(Object.keys(pictures).sort());
  expect(
    readdirSync(images)
      .filter((name) => name.endsWith('.png'))
      .sort(),
  ).toEqual(Object.keys(pictures).sort());
  for (const [name, { command, commit, cpu, seeds }] of Object.entries(pictures)) {
    expect(command).toMatch(/^node scripts\/pictures\.mjs/);
    expect(commit).toMatch(/^[0-9a-f]{7,}$/);
    expect(cpu).not.toBe('');
    expect(seeds.length).toBeGreaterThanOrEqual(name === 'report.png' ? 1 : 3);
    const png = readFileSync(join(images, name));
    expect(png.readUInt32BE(16)).toBeLessThanOrEqual(1200);
    if (name !== 'report.png')
      expect(statSync(join(images, name.replace(/\.png$/, '.json'))).size).toBeLessThan(100_000);
  }
});
