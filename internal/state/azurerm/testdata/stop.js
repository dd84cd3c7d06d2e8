// Ends Azurite with the test that started it, however that ends: then its
// standard input ends.
process.stdin.on("end", () => process.exit(0)).resume();
