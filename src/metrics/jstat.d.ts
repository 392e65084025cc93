/** The part of jstat that is used: two distributions. It brings no types of its own. */
declare module 'jstat' {
  interface StudentT {
    /** P(T <= x). */
    cdf(x: number, degreesOfFreedom: number): number;
    /** The x with P(T <= x) = p. */
    inv(p: number, degreesOfFreedom: number): number;
  }
  interface Normal {
    /** P(X <= x). */
    cdf(x: number, mean: number, std: number): number;
  }
  const jstat: { readonly jStat: { readonly studentt: StudentT; readonly normal: Normal } };
  export default jstat;
}
