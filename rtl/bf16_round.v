// A fixed-point magnitude as BF16, rounded once to nearest even.
//
// value = magnitude / 2^(WIDTH-1) * 2^(exponent - 127): `exponent` is the biased exponent of the
// magnitude's first bit. Its last bit may stand for all bits that were cut off before ("sticky").
// Subnormal results are kept, overflow gives infinity. SMALL = 0 leaves out the right shift, for
// units whose exponent is at least 1.
module bf16_round #(
    parameter WIDTH = 12,
    parameter SMALL = 1
) (
    input               sign,
    input signed [10:0] exponent,
    input [WIDTH-1:0]   magnitude,
    output [15:0]       code
);
    reg [WIDTH-1:0]   value, shifted;
    reg signed [10:0] place, below;
    integer           step;

    always @* begin
        value = magnitude;
        place = exponent;
        // the first bit to the front, but not below the smallest exponent
        for (step = 32; step > 0; step = step / 2)
            if (step < WIDTH && place > step && value >> (WIDTH - step) == 0) begin
                value = value << step;
                place = place - step;
            end
        below = 0;
        shifted = value;
        if (SMALL && place < 1) begin
            below = 1 - place;
            shifted = value >> below;
            shifted[0] = shifted[0] | (shifted << below != value);
            value = shifted;
            place = 1;
        end
    end

    wire [7:0]  significand = value[WIDTH-1 -: 8];
    wire        guard = value[WIDTH-9];
    wire        sticky = |value[WIDTH-10:0];
    wire        up = guard & (sticky | significand[0]);
    wire        normal = significand[7];
    wire [7:0]  field = normal ? place[7:0] : 8'd0;
    wire [14:0] rounded = {field, significand[6:0]} + {14'd0, up};
    wire        overflow = normal & place > 254;

    assign code = {sign, overflow ? 15'h7F80 : rounded};
endmodule
