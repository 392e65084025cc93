// What most of the scripts here are called with: `node SCRIPT STUDY.yaml NAME`, where NAME is a benchmark of the study, or a pool.
import { readStudy } from '#src/reproduce/studyFile/readStudy.js';
import { pooled } from '#src/reproduce/studyFile/records.js';

/** The study, the benchmarks that the name stands for, and what they recorded, as that of one. */
export async function readNamed() {
  const [, , path = '', name = ''] = process.argv;
  const study = await readStudy(path);
  const members = study.pools?.[name] ?? [name];
  return { path, name, study, members, records: pooled(study.recordsFolder, name, members) };
}
