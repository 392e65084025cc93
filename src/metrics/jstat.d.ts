/** The used part of jstat, which has no types of its own: Student's t and the normal distribution. */
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
  const jstat: { readonly jStat: { readonly normal: Normal; readonly studentt: StudentT } };
  export default jstat;
}
