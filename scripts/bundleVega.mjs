// Makes one file of what the package uses of Vega and Vega-Lite, whose 60 packages would take 15 MB of a project and twice the time to
// load: node scripts/bundleVega.mjs [DIST]. Its licenses lie beside it.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve, sep } from 'node:path';
import { build } from 'esbuild';

const charts = join(resolve(process.argv[2] ?? 'dist'), 'report', 'vega');
const file = join(charts, 'vega.js');
if (/from ['"]vega['"]/.test(readFileSync(file, 'utf8'))) {
  const { metafile, outputFiles } = await build({
    entryPoints: [file],
    bundle: true,
    write: false,
    metafile: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    minify: true,
    legalComments: 'none',
    // The dist may lie elsewhere than the packages.
    nodePaths: [resolve('node_modules')],
    // Vega measures text with it where it is there; charts are to be the same everywhere.
    external: ['canvas'],
  });
  writeFileSync(join(charts, 'vega.LICENSES.txt'), licensesOf(Object.keys(metafile.inputs)));
  writeFileSync(
    join(charts, 'vega.d.ts'),
    '/** A specification of Vega-Lite. */\nexport type TopLevelSpec = object;\n',
  );
  writeFileSync(file, outputFiles[0].contents);
}

/** The licenses of the packages that files belong to. */
function licensesOf(paths) {
  const packages = new Set(
    paths.filter((path) => path.includes(`node_modules${sep}`)).map((path) => packageOf(resolve(path))),
  );
  return [...packages]
    .sort()
    .map((folder) => {
      const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
      const text = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
      return `${name} ${version} (${license})\n\n${text ? readFileSync(join(folder, text), 'utf8').trim() : ''}\n`;
    })
    .join(`\n${'-'.repeat(80)}\n\n`);
}

function packageOf(path) {
  let folder = dirname(path);
  while (!existsSync(join(folder, 'package.json')) || isPart(folder)) folder = dirname(folder);
  return folder;
}

/** Whether a folder's package.json only says how its files are read. */
function isPart(folder) {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).name === undefined;
}
