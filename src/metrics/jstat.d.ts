/** The used part of jstat, which has no types of its own. */
declare module 'jstat' {
  interface StudentT {
    /** P(T <= x). */
    cdf(x: number, degreesOfFreedom: number): number;
    /** The x with P(T <= x) = p. */
    inv(p: number, degreesOfFreedom: number): number;
  }
  interface Normal {
    /** P(X <= x). */
    cdf(x: number, mean: number, standardDeviation: number): number;
    /** The x with P(X <= x) = p. */
    inv(p: number, mean: number, standardDeviation: number): number;
  }
  interface Beta {
    /** The x with P(X <= x) = p. */
    inv(p: number, alpha: number, beta: number): number;
  }
  const jstat: {
    readonly jStat: {
      readonly normal: Normal;
      readonly studentt: StudentT;
      readonly beta: Beta;
      readonly binomial: { pdf(k: number, n: number, p: number): number };
      /** log(n choose k) */
      combinationln(n: number, k: number): number;
    };
  };
  export default jstat;
}
