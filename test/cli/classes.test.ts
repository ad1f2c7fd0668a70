import assert from "node:assert/strict";
import { test } from "node:test";
import { classNames, labelsOf } from "../../cli/output/classes.js";

test("priors over all images are no classes, so digits keep their own labels", () => {
  const priors = ["book", "learned", "mixture", "0", "1", "2"];
  assert.deepEqual(classNames(priors), ["0", "1", "2"]);
  assert.deepEqual(labelsOf({ priors: ["0", "2"] }, priors), { names: ["0", "1", "2"], ofTurn: [0, 2] });
  assert.equal(labelsOf({ priors: ["book"] }, priors), undefined);
});
