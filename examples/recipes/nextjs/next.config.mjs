// Next.js loads the SDK as it is, instead of bundling it.
export default { serverExternalPackages: ["treadle"] };
