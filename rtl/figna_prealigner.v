// FIGNA's alignment: N BF16 inputs as whole numbers that share the largest one's exponent. Sign and
// BITS - 1 bits of magnitude each, the largest significand in front; what is shifted out is dropped.
module figna_prealigner #(
    parameter N = 8,
    parameter BITS = 12
) (
    input [16*N-1:0]   inputs,
    output [7:0]       exponent, // biased, of the first bit of a magnitude
    output [BITS*N-1:0] aligned, // two's complement
    output             special   // an infinity or NaN among them: whole numbers cannot tell
);
    wire [8*N-1:0] exponents;
    wire [N-1:0]   specials;
    maximum_tree #(.N(N)) tree (.exponents(exponents), .maximum(exponent));
    assign special = |specials;

    genvar i;
    generate
        for (i = 0; i < N; i = i + 1) begin : operand
            wire [15:0]     code = inputs[16*i +: 16];
            wire            normal = |code[14:7];
            wire [7:0]      distance = exponent - exponents[8*i +: 8];
            wire [BITS-2:0] whole = {normal, code[6:0], {BITS - 9{1'b0}}};
            wire [BITS-1:0] magnitude = {1'b0, whole >> distance};
            assign exponents[8*i +: 8] = code[14:7] | {7'd0, ~normal};
            assign aligned[BITS*i +: BITS] = code[15] ? -magnitude : magnitude;
            assign specials[i] = &code[14:7];
        end
    endgenerate
endmodule
