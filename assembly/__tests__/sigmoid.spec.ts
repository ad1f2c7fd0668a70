import { roundShift, sigmoid } from "../core/sigmoid";

describe("sigmoid", () => {
  it("is one half at zero", () => {
    expect(sigmoid(0)).toBe(32768);
  });

  it("is 0 and 1 far out, for any number of 32 bits", () => {
    expect(sigmoid(49151)).toBe(65536);
    expect(sigmoid(-49151)).toBe(0);
    expect(sigmoid(i32.MAX_VALUE)).toBe(65536);
    expect(sigmoid(i32.MIN_VALUE)).toBe(0);
  });

  it("is symmetric", () => {
    for (let x = 0; x < 50000; x += 37) expect(sigmoid(x) + sigmoid(-x)).toBe(65536);
  });

  it("never falls", () => {
    let before = sigmoid(-50000);
    for (let x = -50000; x < 50000; x += 11) {
      const y = sigmoid(x);
      expect(y).toBeGreaterThanOrEqual(before);
      before = y;
    }
  });

  it("is within 3 units of the logistic function", () => {
    for (let x = -49000; x < 49000; x += 97) {
      const exact = 65536.0 / (1.0 + Math.exp(-(<f64>x) / 4096.0));
      expect(Math.abs(<f64>sigmoid(x) - exact)).toBeLessThan(3.0);
    }
  });
});

describe("roundShift", () => {
  it("leaves a number as it is for a shift of 0", () => {
    expect(roundShift(-5, 0)).toBe(-5);
    expect(roundShift(i32.MAX_VALUE, 0)).toBe(i32.MAX_VALUE);
  });

  it("rounds to nearest, halves up", () => {
    expect(roundShift(5, 1)).toBe(3);
    expect(roundShift(-5, 1)).toBe(-2);
    expect(roundShift(6, 2)).toBe(2);
    expect(roundShift(-6, 2)).toBe(-1);
    expect(roundShift(-7, 2)).toBe(-2);
    expect(roundShift(5, 2)).toBe(1);
  });

  it("takes all shifts of the format", () => {
    for (let shift: u32 = 1; shift <= 30; shift++) {
      const half = 1 << (shift - 1);
      expect(roundShift(half, shift)).toBe(1);
      expect(roundShift(half - 1, shift)).toBe(0);
      expect(roundShift(-half, shift)).toBe(0);
      expect(roundShift(-half - 1, shift)).toBe(-1);
    }
  });
});
