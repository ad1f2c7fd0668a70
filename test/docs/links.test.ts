// Links of the docs lead somewhere, and every path that docs and comments name is there.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { basename, dirname, join, normalize } from "node:path";
import { test } from "node:test";
import { anchorsOf, type Page, readPage, repositoryFiles } from "../support/markdown.js";

const files = repositoryFiles();
const names = new Set(files.map((file) => basename(file)));
const pages = files.filter((file) => file.endsWith(".md")).map(readPage);

/** Top-level folders whose paths are checked. dist/ is there after a build. */
const TOP = [
  "assembly",
  "bench",
  "cli",
  "dist",
  "docs",
  "firmware-sim",
  "models",
  "playground",
  "scripts",
  "src",
  "test",
];
/** Made by commands, and ignored by git. */
const MADE =
  /^(bench\/(results\.json|firing-rate\.svg)|dist\/types|src\/generated|firmware-sim\/component\/(build|node_modules))/;

const PATH = new RegExp(String.raw`(?<![\w./@-])(?:${TOP.join("|")})/[\w./-]*[\w/]`, "g");

for (const page of pages) {
  test(`${page.path}: links lead to files and headings that are there`, () => {
    for (const [, target] of page.prose.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^https?:/.test(target)) continue;
      const [path, anchor] = target.split("#");
      const file = path ? normalize(join(dirname(page.path), path)) : page.path;
      assert.ok(existsSync(file), `${target}: no file ${file}`);
      if (anchor) assert.ok(anchorsOf(readPage(file)).has(anchor), `${target}: no such heading in ${file}`);
    }
  });

  test(`${page.path}: paths and file names are those of the repository`, () => {
    for (const [path] of page.text.matchAll(PATH)) {
      assert.ok(MADE.test(path) || existsSync(path), `no ${path}`);
    }
    for (const code of page.inlineCode) {
      if (/^[\w-]+\.(ts|c|S|ld)$/.test(code) && code !== "spikelet.c")
        assert.ok(names.has(code), `no file is called ${code}`);
    }
  });
}

test("the README leads to every page of docs/, and these to every note", () => {
  const linked = (page: Page) =>
    [...page.prose.matchAll(/\]\(([^)#\s]+)/g)].map(([, path]) => normalize(join(dirname(page.path), path)));
  const fromReadme = new Set(linked(readPage("README.md")));
  const fromDocs = new Set(pages.filter(({ path }) => /^docs\/[^/]+$/.test(path)).flatMap(linked));
  for (const { path } of pages) {
    if (/^docs\/[^/]+$/.test(path)) assert.ok(fromReadme.has(path), `README.md does not link to ${path}`);
    if (/^docs\/notes\//.test(path)) assert.ok(fromDocs.has(path), `no page of docs/ links to ${path}`);
  }
});

test("docs/architecture.md tells of every folder", () => {
  const { prose } = readPage("docs/architecture.md");
  for (const folder of ["assembly/", "src/", "firmware-sim/", "cli/", "playground/"]) {
    for (const file of files) {
      const [, inner] = new RegExp(`^${folder}(\\w[\\w-]*/)`).exec(file) ?? [];
      if (!inner || inner === "__tests__/") continue;
      assert.ok(
        [inner, folder + inner].some((name) => prose.includes(`\`${name}\``)),
        folder + inner,
      );
    }
  }
});

/** Files of other people's documents are named in the sources of device figures. */
const sources = files.filter(
  (file) =>
    /\.(ts|js|css|html|wit|json|yml|[chS])$/.test(file) &&
    !/package-lock|^firmware-sim\/devices\/.*json$/.test(file),
);

test("paths in comments, messages and settings are those of the repository", () => {
  const lost: string[] = [];
  for (const file of sources) {
    // Tests of rules and of errors name files that are not there on purpose.
    if (/^test\//.test(file)) continue;
    for (const [path] of readFileSync(file, "utf8").matchAll(PATH)) {
      // Without an ending it is as likely a MIME type or a part of a URL.
      if (!/\.(ts|js|c|h|S|json|md|spk|wit|wasm)$/.test(path) || MADE.test(path)) continue;
      const here = [path, join(dirname(file), path), path.replace(/\.js$/, ".ts")];
      if (!here.some((candidate) => existsSync(candidate))) lost.push(`${file} names ${path}`);
    }
  }
  assert.deepEqual(lost, []);
});

test("headings that comments name are in the docs", () => {
  let found = 0;
  for (const file of sources) {
    for (const [, path, heading] of readFileSync(file, "utf8").matchAll(/(docs\/\w+\.md), "([^"]+)"/g)) {
      assert.match(
        readPage(path).text,
        new RegExp(`^#+ ${heading}$`, "m"),
        `${file} names "${heading}" in ${path}`,
      );
      found++;
    }
  }
  assert.ok(found > 0);
});
