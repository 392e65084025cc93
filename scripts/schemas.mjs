// Writes the JSON Schemas of a run's files to dist/schemas.
import { mkdirSync, writeFileSync } from 'node:fs';
import { FILE_SCHEMAS, jsonSchemaOf } from '../dist/report/fileSchemas.js';

mkdirSync('dist/schemas', { recursive: true });
for (const name of Object.keys(FILE_SCHEMAS))
  writeFileSync(`dist/schemas/${name}.json`, `${JSON.stringify(jsonSchemaOf(name), null, 2)}\n`);
