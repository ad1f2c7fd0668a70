// From import to first image, in a fresh process: node bench/startup-child.js MODEL. Plain JavaScript, so that no loader is timed.
const start = performance.now();
const { Generator } = await import("../dist/index.js");
const generator = await Generator.load(process.argv[2]);
generator.generate({ seed: 1 });
console.log(performance.now() - start);
