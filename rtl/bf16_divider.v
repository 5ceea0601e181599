// Quotient of two BF16 numbers, rounded once to nearest even; subnormals, infinities, one NaN (7FC0).
// Eleven restoring steps, one after the other without registers.
module bf16_divider (
    input [15:0]  a,
    input [15:0]  b,
    output [15:0] quotient
);
    reg [7:0]         dividend, divisor;
    reg signed [10:0] a_exponent, b_exponent;
    reg [9:0]         rest;
    reg [10:0]        digits;
    integer           step;

    always @* begin
        dividend = {|a[14:7], a[6:0]};
        divisor = {|b[14:7], b[6:0]};
        a_exponent = {3'd0, a[14:7] | {7'd0, a[14:7] == 0}};
        b_exponent = {3'd0, b[14:7] | {7'd0, b[14:7] == 0}};
        // subnormal operands: the first bit to the front
        for (step = 4; step > 0; step = step / 2) begin
            if (dividend >> (8 - step) == 0) begin
                dividend = dividend << step;
                a_exponent = a_exponent - step;
            end
            if (divisor >> (8 - step) == 0) begin
                divisor = divisor << step;
                b_exponent = b_exponent - step;
            end
        end
        rest = {2'd0, dividend};
        digits = 0;
        for (step = 10; step >= 0; step = step - 1) begin
            digits[step] = rest >= {2'd0, divisor};
            rest = (rest - (digits[step] ? {2'd0, divisor} : 10'd0)) << 1;
        end
    end

    wire        sign = a[15] ^ b[15];
    wire [15:0] finite;
    bf16_round #(.WIDTH(12)) round (
        .sign(sign),
        .exponent(a_exponent - b_exponent + 11'sd127),
        .magnitude({digits, rest != 0}),
        .code(finite)
    );

    wire a_special = &a[14:7];
    wire b_special = &b[14:7];
    wire a_zero = a[14:0] == 0;
    wire b_zero = b[14:0] == 0;
    wire nan = a_special & (|a[6:0] | b_special) | b_special & |b[6:0] | a_zero & b_zero;
    assign quotient = nan ? 16'h7FC0
        : a_special | b_zero ? {sign, 15'h7F80}
        : a_zero | b_special ? {sign, 15'd0}
        : finite;
endmodule
