import { join } from 'node:path';
import { stringify } from 'yaml';
import { makeFolder, writeAtomic } from '../files.js';
import { methodNamed } from '../train/methods.js';
import type { Study } from './schema.js';

/** The article, as ReScience C names what is replicated. */
const REPLICATED = {
  cite: 'You, C., Dai, H., Min, Y., Sekhon, J. S., Joshi, S., Duncan, J. S. "Uncovering memorization effect in the presence of spurious correlations." Nature Communications 16, 5424 (2025).',
  bib: 'you2025uncovering',
  url: 'https://www.nature.com/articles/s41467-025-61531-5',
  doi: '10.1038/s41467-025-61531-5',
};

/**
 * Writes what a replication in ReScience C starts from: `metadata.yaml` with the fields of its template, empty where only the authors know
 * them, and `tables.md`. Throws `OUTPUT_UNWRITABLE`.
 *
 * @param tables the study's tables in Markdown
 */
export async function writeRescience(study: Study, folder: string, tables: string): Promise<string[]> {
  await makeFolder(folder);
  const methods = new Set(Object.values(study.arms).map(({ method }) => methodNamed(method).title));
  const nobody = { name: '', orcid: '' };
  const place = { url: '', doi: '' };
  const metadata = {
    title: `[Re] Uncovering memorization effect in the presence of spurious correlations: ${study.title}`,
    authors: [{ ...nobody, email: '', affiliations: '1' }],
    affiliations: [{ code: 1, name: '', address: '' }],
    keywords: ['spurious correlations', 'memorization', 'group robustness', ...methods].join(', '),
    code: [place],
    data: Object.keys(study.data).map((name) => ({ name, ...place })),
    replication: [REPLICATED],
    abstract: '',
    domain: 'Machine learning',
    language: 'TypeScript',
    type: 'Replication',
    contact: '',
    dates: { received: '', accepted: '', published: '' },
    editors: [nobody],
    reviewers: [nobody],
    bibliography: 'bibliography.bib',
  };
  const files = { 'metadata.yaml': stringify(metadata), 'tables.md': `${tables}\n` };
  for (const [name, text] of Object.entries(files)) await writeAtomic(join(folder, name), text);
  return Object.keys(files).map((name) => join(folder, name));
}
