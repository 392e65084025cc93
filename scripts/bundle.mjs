// Bundles the used parts of Vega and Vega-Lite, whose 60 packages would take 15 MB of a project, and of zod, into one file each:
// node scripts/bundle.mjs [DIST]. Both load in half the time. Their licenses lie next to them.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve, sep } from 'node:path';
import { build } from 'esbuild';

const dist = resolve(process.argv[2] ?? 'dist');
if (await bundle(join(dist, 'report', 'vega', 'vega.js'), 'vega')) {
  const types = '/** A specification of Vega-Lite. */\nexport type TopLevelSpec = object;\n';
  writeFileSync(join(dist, 'report', 'vega', 'vega.d.ts'), types);
}
await bundle(join(dist, 'zod.js'), 'zod');

/** Bundles a file that imports a package, unless it is bundled already. Returns whether it did. */
async function bundle(file, name) {
  if (!new RegExp(`from ['"]${name}['"]`).test(readFileSync(file, 'utf8'))) return false;
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
    // Vega would measure text with it if present; charts must be the same everywhere.
    external: ['canvas'],
  });
  writeFileSync(file.replace(/\.js$/, '.LICENSES.txt'), licensesOf(Object.keys(metafile.inputs)));
  writeFileSync(file, outputFiles[0].contents);
  return true;
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

/** Whether a folder's package.json only sets the type of its modules. */
function isPart(folder) {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).name === undefined;
}
