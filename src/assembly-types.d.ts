// The one AssemblyScript type that the shared constants in assembly/ are declared with.
type u32 = number;
